namespace Ulrl.Training.Data;

/// <summary>A data set that BackdoorBench trains on: what its images are, and how its networks take them.</summary>
public sealed class BenchmarkDataSet
{
    private static readonly BenchmarkDataSet[] All =
    [
        new("cifar10", 10, [3, 32, 32], ChannelNormalization.Cifar10),
        new("cifar100", 100, [3, 32, 32], ChannelNormalization.Cifar100),
        new("gtsrb", GtsrbFolder.Classes, [3, 32, 32], ChannelNormalization.Gtsrb),
        new("mnist", 10, [1, 28, 28], ChannelNormalization.Mnist),
        new("tiny", 200, [3, 64, 64], ChannelNormalization.TinyImageNet),
    ];

    private BenchmarkDataSet(string name, int classes, int[] imageShape, ChannelNormalization normalization)
    {
        Name = name;
        Classes = classes;
        ImageShape = imageShape;
        Normalization = normalization;
    }

    /// <summary>BackdoorBench's name.</summary>
    public string Name { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Channels, height, width as the networks take them.</summary>
    public IReadOnlyList<int> ImageShape { get; }

    /// <summary>The normalisation of the published code.</summary>
    public ChannelNormalization Normalization { get; }

    /// <summary>The names that <see cref="FromName"/> knows.</summary>
    public static IReadOnlyList<string> Names => [.. All.Select(set => set.Name)];

    /// <summary>A data set by BackdoorBench's name.</summary>
    /// <exception cref="DataSetException">No data set has that name.</exception>
    public static BenchmarkDataSet FromName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Find(All, set => set.Name == name)
            ?? throw new DataSetException($"data set '{name}' is not known; use one of {string.Join(", ", Names)}");
    }

    /// <summary>Opens the training or the test images. Links inside the folder are not followed.</summary>
    /// <param name="folder">
    /// The data set's own folder. cifar10, cifar100: the published archive, Python or binary version, or what it unpacks to.
    /// mnist: the IDX files, plain or .gz, there or in <c>MNIST/raw</c>. gtsrb: <c>Train/00000</c> to <c>Train/00042</c> and
    /// <c>Test</c> with their lists. tiny: <c>tiny-imagenet-200</c>, whose validation part serves as test images.
    /// </param>
    /// <param name="train">True for the training images, false for the test images.</param>
    /// <param name="decoder">Decodes JPEG for tiny; null where there is none.</param>
    /// <exception cref="DataSetException">The data set is not there, or a file is damaged.</exception>
    public LabeledImages Open(string folder, bool train, IImageDecoder? decoder = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder))
            throw new DataSetException($"'{folder}' is no folder; data set {Name} is expected there");
        var contained = new ContainedFolder(folder, message => new DataSetException(message));
        try
        {
            return Name switch
            {
                "gtsrb" => GtsrbFolder.Open(contained, train, decoder),
                "tiny" => TinyImageNetFolder.Open(contained, train, decoder),
                "mnist" => MnistFolder.Open(contained, train),
                _ => new ImagesInMemory($"'{folder}'", [3, 32, 32], [.. CifarArchive.ReadBatches(folder, Classes, train).Select(batch => (batch.Pixels, batch.Labels))]),
            };
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw new DataSetException($"'{folder}' cannot be read: {e.Message}", e);
        }
    }
}
