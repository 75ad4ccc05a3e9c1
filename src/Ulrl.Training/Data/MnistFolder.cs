namespace Ulrl.Training.Data;

/// <summary>
/// MNIST (LeCun) as torchvision lays it out, <c>MNIST/raw/train-images-idx3-ubyte</c>, or with its files directly in
/// the folder; plain or gzip.
/// </summary>
internal static class MnistFolder
{
    /// <summary>Reads images and labels.</summary>
    /// <exception cref="DataSetException">The files are not there, or are damaged.</exception>
    public static LabeledImages Open(ContainedFolder folder, bool train)
    {
        var prefix = train ? "train" : "t10k";
        foreach (string[] place in new string[][] { ["MNIST", "raw"], ["raw"], [] })
        {
            if (Find(folder, place, $"{prefix}-images-idx3-ubyte") is not { } images || Find(folder, place, $"{prefix}-labels-idx1-ubyte") is not { } labels)
                continue;
            using var imagesFile = folder.Open(images);
            using var labelsFile = folder.Open(labels);
            var (pixels, shape, classes) = IdxSamples.Read(imagesFile, imagesFile.Name, labelsFile, labelsFile.Name);
            if (shape.Length != 3 || classes.Any(c => c > 9))
                throw new DataSetException($"'{imagesFile.Name}' holds no images of MNIST, or its labels are not 0 to 9; download it again");
            return new ImagesInMemory($"'{folder.Path}'", [1, shape[1], shape[2]], [(pixels, classes)]);
        }

        throw new DataSetException($"'{folder.Path}' holds no MNIST; put {prefix}-images-idx3-ubyte and {prefix}-labels-idx1-ubyte there, plain or .gz, or in MNIST/raw as torchvision does");
    }

    private static string[]? Find(ContainedFolder folder, string[] place, string name) =>
        new[] { name, name + ".gz" }.Where(file => File.Exists(folder.Find([.. place, file]))).Select(file => (string[])[.. place, file]).FirstOrDefault();
}
