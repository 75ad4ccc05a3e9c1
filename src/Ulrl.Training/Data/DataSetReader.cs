namespace Ulrl.Training.Data;

/// <summary>Reads labelled samples from files. Files are not trusted: damage is an error, memory stays in proportion to the file.</summary>
public static class DataSetReader
{
    /// <summary>Reads a file of samples.</summary>
    /// <param name="path">
    /// One file: .npz, CIFAR-10/100 binary or Python batch, or IDX images (plain or .gz). For IDX, <c>images;labels</c> names the labels too;
    /// several CIFAR files are read as one set when separated by semicolons.
    /// </param>
    /// <param name="options">Format and label file, where the path does not tell.</param>
    /// <returns>Samples in channels-first order; pixels of one byte are scaled to [0,1], floats are as stored.</returns>
    /// <exception cref="DataSetException">A file is missing, damaged, of an unknown format, or holds NaN, infinities or bad labels.</exception>
    public static LabeledSamples Read(string path, DataSetReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new DataSetReadOptions();
        var paths = File.Exists(path) ? [path] : path.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (paths.Length == 0)
            throw new DataSetException("the path of the samples is empty; name a file");
        try
        {
            return Read(paths, options);
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw new DataSetException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static LabeledSamples Read(string[] paths, DataSetReadOptions options)
    {
        var format = options.Format == DataSetFormat.Auto ? Detect(paths[0]) : options.Format;
        if (options.LabelsPath is not null && (format != DataSetFormat.Idx || paths.Length > 1))
            throw new DataSetException($"'{paths[0]}': a separate label file belongs to one file of IDX images; leave it out");
        switch (format)
        {
            case DataSetFormat.Npz when paths.Length == 1:
                return NpzSamples.Read(paths[0]);
            case DataSetFormat.Cifar10 or DataSetFormat.Cifar100:
                return CifarBinary.Read(paths, format);
            case DataSetFormat.CifarPython:
                return CifarPickle.Read(paths);
            case DataSetFormat.Idx when paths.Length <= 2:
                return IdxSamples.Read(paths[0], paths.Length == 2 ? paths[1] : options.LabelsPath);
            default:
                throw new DataSetException($"{paths.Length} files of format {format} were given; name one file, or for IDX images;labels");
        }
    }

    private static DataSetFormat Detect(string path)
    {
        using var file = DataSetFile.OpenRead(path);
        Span<byte> start = stackalloc byte[4];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (start is [(byte)'P', (byte)'K', ..] || path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
            return DataSetFormat.Npz;
        if (path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase))
            throw new DataSetException($"'{path}' is an archive of several files; unpack it and name its batches, separated by semicolons");
        if (start is [0x1F, 0x8B, ..])
            return DataSetFormat.Idx;
        if (CifarPickle.Detect(start))
            return DataSetFormat.CifarPython;
        if (CifarBinary.Detect(path, file.Length) is { } cifar)
            return cifar;
        if (start is [0, 0, 0x08 or 0x09 or 0x0B or 0x0C or 0x0D or 0x0E, _])
            return DataSetFormat.Idx;
        throw new DataSetException($"'{path}' is of no known format; give .npz, CIFAR-10/100 binary (.bin) or Python batch, or IDX (plain or .gz)");
    }
}
