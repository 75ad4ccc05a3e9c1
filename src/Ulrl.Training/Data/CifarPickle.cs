using Ulrl.Training.Pickle;

namespace Ulrl.Training.Data;

/// <summary>
/// The Python version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): a pickled dictionary of <c>data</c>, uint8
/// [samples, 3072] with channels first, and <c>labels</c> (CIFAR-10) or <c>fine_labels</c> (CIFAR-100).
/// Read by the restricted reader: nothing in the file runs.
/// </summary>
internal static class CifarPickle
{
    /// <summary>Whether a file starts as pickles of protocol 2 and later do.</summary>
    public static bool Detect(ReadOnlySpan<byte> start) => start is [0x80, >= 2 and <= 5, ..];

    /// <summary>Reads one or more files as one set.</summary>
    /// <exception cref="DataSetException">A file is damaged, is another pickle, or has a label out of range.</exception>
    public static LabeledSamples Read(string[] paths)
    {
        var batches = new List<CifarBatch>(paths.Length);
        foreach (var path in paths)
        {
            using var stream = DataSetFile.OpenRead(path);
            batches.Add(ReadBatch(stream, stream.Length, $"'{path}'"));
        }

        return CifarBatch.Join(batches, string.Join(";", paths.Select(path => $"'{path}'")));
    }

    /// <summary>Reads one pickled batch.</summary>
    /// <param name="stream">Positioned at its first byte.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="where">File, and entry, for errors.</param>
    internal static CifarBatch ReadBatch(Stream stream, long length, string where)
    {
        var input = new PickleInput(stream, length, where, (message, inner) => inner is null ? new DataSetException(message) : new DataSetException(message, inner));
        if (new PickleReader(input, Globals.Instance).Read() is not OrderedDictionary<object, object?> batch)
            throw new DataSetException($"{where}: the pickle is no dictionary, so it is no CIFAR batch; give a data_batch, test_batch, train or test file");
        var ten = Item(batch, "labels");
        var labels = ten ?? Item(batch, "fine_labels");
        if (Item(batch, "data") is not NpyArray { Values: byte[] pixels, Shape: [var count, CifarBatch.ImageBytes] } || labels is not List<object?> list)
            throw new DataSetException($"{where}: the dictionary has no uint8 'data' of [samples, {CifarBatch.ImageBytes}] with 'labels' or 'fine_labels', so it is no CIFAR batch; give a data_batch, test_batch, train or test file");
        if (list.Count != count)
            throw new DataSetException($"{where}: {count} images have {list.Count} labels; the file is damaged");
        return new CifarBatch(pixels, Labels(list, ten is null ? 100 : 10, where));
    }

    private static int[] Labels(List<object?> list, int classes, string where)
    {
        var labels = new int[list.Count];
        for (var i = 0; i < labels.Length; i++)
        {
            if (list[i] is not long label || label < 0 || label >= classes)
                throw new DataSetException($"{where}: the label of sample {i} is not 0 to {classes - 1}; the file is damaged");
            labels[i] = (int)label;
        }

        return labels;
    }

    // Written by Python 2, so the keys are bytes; batches pickled anew by Python 3 have strings.
    private static object? Item(OrderedDictionary<object, object?> batch, string key) =>
        batch.TryGetValue(System.Text.Encoding.ASCII.GetBytes(key), out var value) || batch.TryGetValue(key, out value) ? value : null;

    private sealed class Globals : IPickleGlobals
    {
        public static readonly Globals Instance = new();

        public bool OldStringsAreText => false;

        public object? Find(string module, string name) => PlainGlobals.Find(module, name) ?? NumPyPickle.Find(module, name);

        public object PersistentObject(PickleReader reader, object? id) =>
            throw reader.Error("the pickle refers to objects outside it, so it is no CIFAR batch; give a data_batch, test_batch, train or test file");
    }
}
