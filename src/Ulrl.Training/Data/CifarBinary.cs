namespace Ulrl.Training.Data;

/// <summary>
/// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one or two label bytes and
/// 3072 pixel bytes, channels first.
/// </summary>
internal static class CifarBinary
{
    private const int Pixels = CifarBatch.ImageBytes;

    /// <summary>Tells the version from the file's name and length; null where it is neither.</summary>
    public static DataSetFormat? Detect(string path, long length)
    {
        if (!path.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) || length == 0)
            return null;
        var fits10 = length % RecordBytes(DataSetFormat.Cifar10) == 0;
        var fits100 = length % RecordBytes(DataSetFormat.Cifar100) == 0;
        if (fits10 && fits100)
            return Path.GetFileName(path).Contains("batch", StringComparison.OrdinalIgnoreCase) ? DataSetFormat.Cifar10 : DataSetFormat.Cifar100;
        return fits10 ? DataSetFormat.Cifar10 : fits100 ? DataSetFormat.Cifar100 : null;
    }

    /// <summary>Reads one or more files of one version as one set.</summary>
    /// <exception cref="DataSetException">A file is not a whole number of records, or a label is out of range.</exception>
    public static LabeledSamples Read(string[] paths, DataSetFormat format)
    {
        var source = string.Join(";", paths.Select(path => $"'{path}'"));
        var counts = Array.ConvertAll(paths, path => Count(path, format));
        if (counts.Sum() * Pixels > Array.MaxLength)
            throw new DataSetException($"{source}: {counts.Sum()} samples are more than one array can hold; use fewer samples");
        var values = GC.AllocateUninitializedArray<float>((int)counts.Sum() * Pixels);
        var labels = new int[counts.Sum()];
        var record = new byte[RecordBytes(format)];
        var sample = 0;
        for (var i = 0; i < paths.Length; i++)
        {
            using var stream = DataSetFile.OpenRead(paths[i]);
            var input = new CheckedInput(stream, $"'{paths[i]}'");
            for (var end = sample + counts[i]; sample < end; sample++)
            {
                input.ReadExactly(record);
                labels[sample] = Label(record, format, input.Where, sample);
                PixelScale.Scale(record.AsSpan(^Pixels..), values.AsSpan(sample * Pixels, Pixels));
            }
        }

        return new LabeledSamples(values, [3, 32, 32], labels, source: source);
    }

    /// <summary>Reads the records of one file inside an archive.</summary>
    /// <param name="stream">Positioned at its first byte.</param>
    /// <param name="length">Its length in bytes, checked against the archive's.</param>
    /// <param name="format">Version.</param>
    /// <param name="where">File, and entry, for errors.</param>
    /// <exception cref="DataSetException">It is not a whole number of records, ends early, or a label is out of range.</exception>
    internal static CifarBatch ReadBatch(Stream stream, long length, DataSetFormat format, string where)
    {
        var record = new byte[RecordBytes(format)];
        if (length % record.Length != 0)
            throw new DataSetException($"{where} has {length} bytes, not a whole number of {format} records of {record.Length}; the file is truncated or of another format");
        var labels = new int[length / record.Length];
        var pixels = new byte[labels.Length * Pixels];
        var input = new CheckedInput(stream, where);
        for (var sample = 0; sample < labels.Length; sample++)
        {
            input.ReadExactly(record);
            labels[sample] = Label(record, format, where, sample);
            record.AsSpan(^Pixels..).CopyTo(pixels.AsSpan(sample * Pixels));
        }

        return new CifarBatch(pixels, labels);
    }

    private static int RecordBytes(DataSetFormat format) => Pixels + (format == DataSetFormat.Cifar10 ? 1 : 2);

    private static long Count(string path, DataSetFormat format)
    {
        using var stream = DataSetFile.OpenRead(path);
        var (count, rest) = Math.DivRem(stream.Length, (long)RecordBytes(format));
        if (rest != 0)
            throw new DataSetException($"'{path}' has {stream.Length} bytes, not a whole number of {format} records of {RecordBytes(format)}; the file is truncated or of another format");
        return count;
    }

    private static int Label(ReadOnlySpan<byte> record, DataSetFormat format, string where, int sample)
    {
        if (format == DataSetFormat.Cifar10)
            return Checked(record[0], 10, "label", where, sample);
        Checked(record[0], 20, "coarse label", where, sample);
        return Checked(record[1], 100, "fine label", where, sample);
    }

    private static int Checked(byte label, int classes, string what, string where, int sample) =>
        label < classes
            ? label
            : throw new DataSetException($"{where}: sample {sample} has {what} {label}; it must be 0 to {classes - 1}, so the file is damaged or of another format");
}
