using System.Buffers.Binary;
using System.IO.Compression;

namespace Ulrl.Training.Data;

/// <summary>
/// IDX, the format of MNIST (LeCun): images and labels of unsigned bytes in two files, each plain or gzip.
/// </summary>
internal static class IdxSamples
{
    private const byte UnsignedByte = 0x08;

    /// <summary>Reads images and their labels.</summary>
    /// <param name="imagesPath">File of the images: samples, height, width; or samples, features.</param>
    /// <param name="labelsPath">File of the labels; null for the usual name beside the images.</param>
    /// <exception cref="DataSetException">A file is missing, damaged, or of another type or shape.</exception>
    public static LabeledSamples Read(string imagesPath, string? labelsPath)
    {
        labelsPath ??= FindLabels(imagesPath);
        using var imagesFile = DataSetFile.OpenRead(imagesPath);
        using var labelsFile = DataSetFile.OpenRead(labelsPath);
        var (pixels, shape, labels) = Read(imagesFile, imagesPath, labelsFile, labelsPath);
        int[] sampleShape = shape switch
        {
            [_, var features] => [features],
            [_, var height, var width] => [1, height, width],
            _ => throw new DataSetException($"'{imagesPath}' has {shape.Length} dimensions; IDX images have samples, height, width, so name the image file first"),
        };
        var values = GC.AllocateUninitializedArray<float>(pixels.Length);
        PixelScale.Scale(pixels, values);
        return new LabeledSamples(values, sampleShape, labels, source: $"'{imagesPath}'");
    }

    /// <summary>Reads images and labels as bytes and numbers.</summary>
    internal static (byte[] Pixels, int[] Shape, int[] Labels) Read(FileStream images, string imagesPath, FileStream labels, string labelsPath)
    {
        var (classes, labelShape) = ReadBytes(labels, labelsPath);
        if (labelShape.Length != 1)
            throw new DataSetException($"'{labelsPath}' has {labelShape.Length} dimensions; IDX labels have one, so name the label file after the images");
        var (pixels, shape) = ReadBytes(images, imagesPath);
        if (shape[0] != classes.Length)
            throw new DataSetException($"'{imagesPath}' has {shape[0]} images and '{labelsPath}' {classes.Length} labels; there must be one label per image");
        return (pixels, shape, Array.ConvertAll(classes, label => (int)label));
    }

    // train-images-idx3-ubyte.gz goes with train-labels-idx1-ubyte.gz; some copies write train-images.idx3-ubyte.
    private static string FindLabels(string imagesPath)
    {
        var name = Path.GetFileName(imagesPath);
        var at = name.LastIndexOf("images", StringComparison.OrdinalIgnoreCase);
        if (at >= 0)
        {
            var label = name[..at] + "labels" + name[(at + "images".Length)..].Replace("idx3", "idx1", StringComparison.OrdinalIgnoreCase);
            var plain = label.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? label[..^3] : label;
            foreach (var candidate in new[] { label, plain, plain + ".gz" })
            {
                var path = Path.Combine(Path.GetDirectoryName(imagesPath) ?? "", candidate);
                if (File.Exists(path))
                    return path;
            }
        }

        throw new DataSetException($"no label file was found beside '{imagesPath}'; name both files as images;labels");
    }

    private static (byte[] Values, int[] Shape) ReadBytes(FileStream file, string path)
    {
        if (!IsGzip(file))
            return ReadBytes(file, path, file.Length, compressed: false);
        using var unzipped = new GZipStream(file, CompressionMode.Decompress);
        return ReadBytes(unzipped, path, file.Length, compressed: true);
    }

    private static bool IsGzip(FileStream file)
    {
        Span<byte> start = stackalloc byte[2];
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        return read == 2 && start is [0x1F, 0x8B];
    }

    private static (byte[] Values, int[] Shape) ReadBytes(Stream stream, string path, long fileLength, bool compressed)
    {
        var input = new CheckedInput(stream, $"'{path}'");
        Span<byte> magic = stackalloc byte[4];
        input.ReadExactly(magic);
        if (magic[0] != 0 || magic[1] != 0)
            throw new DataSetException($"{input.Where} is not an IDX file; its first two bytes must be 0");
        if (magic[2] != UnsignedByte)
            throw new DataSetException($"{input.Where} holds IDX values of type 0x{magic[2]:X2}; only unsigned bytes (0x08) are read");
        if (magic[3] is < 1 or > 3)
            throw new DataSetException($"{input.Where} has {magic[3]} dimensions; IDX images have 2 or 3 and labels 1");
        var shape = new int[magic[3]];
        long count = 1;
        Span<byte> dimension = stackalloc byte[4];
        for (var i = 0; i < shape.Length; i++)
        {
            input.ReadExactly(dimension);
            var size = BinaryPrimitives.ReadUInt32BigEndian(dimension);
            count *= size;
            if (size > int.MaxValue || count > Array.MaxLength)
                throw new DataSetException($"{input.Where}: dimension {i} of {size} is more than one array can hold; the file is damaged");
            shape[i] = (int)size;
        }

        MemoryBudget.Check(input.Where, count, sizeof(byte), sizeof(float), fileLength);
        if (!compressed && 4 + (4 * shape.Length) + count != fileLength)
            throw new DataSetException($"{input.Where}: shape [{string.Join(", ", shape)}] needs {count} bytes, the file holds {fileLength - 4 - (4 * shape.Length)}; it is truncated or damaged");
        var values = GC.AllocateUninitializedArray<byte>((int)count);
        input.ReadValues(values);
        input.ExpectEnd();
        return (values, shape);
    }
}
