namespace Ulrl.Training.Data;

/// <summary>
/// CIFAR-10 and CIFAR-100 (Krizhevsky 2009) as published: the Python or the binary version, as .tar.gz archive or as
/// unpacked folder.
/// </summary>
public static class CifarArchive
{
    private static readonly Layout[] Layouts =
    [
        new(10, "cifar-10-batches-py", DataSetFormat.CifarPython, [.. Numbered("data_batch_{0}")], "test_batch"),
        new(10, "cifar-10-batches-bin", DataSetFormat.Cifar10, [.. Numbered("data_batch_{0}.bin")], "test_batch.bin"),
        new(100, "cifar-100-python", DataSetFormat.CifarPython, ["train"], "test"),
        new(100, "cifar-100-binary", DataSetFormat.Cifar100, ["train.bin"], "test.bin"),
    ];

    /// <summary>Reads the training or the test samples.</summary>
    /// <param name="path">
    /// The .tar.gz archive, the unpacked folder (for example <c>cifar-10-batches-py</c>), or a folder that holds one
    /// of them under its published name. Links inside the folder are not followed.
    /// </param>
    /// <param name="classes">10 for CIFAR-10, 100 for CIFAR-100 (fine labels).</param>
    /// <param name="train">True for the training samples, false for the test samples.</param>
    /// <returns>Samples of 3, 32, 32 in [0,1], in the order of the files.</returns>
    /// <exception cref="DataSetException">Nothing of that kind is there, or a file is damaged or out of proportion.</exception>
    public static LabeledSamples Read(string path, int classes, bool train) => CifarBatch.Join(ReadBatches(path, classes, train), $"'{path}'");

    /// <summary>Reads the same as bytes.</summary>
    internal static IReadOnlyList<CifarBatch> ReadBatches(string path, int classes, bool train)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (classes is not (10 or 100))
            throw new ArgumentOutOfRangeException(nameof(classes), classes, "CIFAR has 10 or 100 classes");
        var layouts = Array.FindAll(Layouts, layout => layout.Classes == classes);
        try
        {
            if (!File.Exists(path))
                return ReadFolder(path, layouts, train);
            using var stream = DataSetFile.OpenRead(path);
            return ReadTar(stream, $"'{path}'", layouts, train);
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw new DataSetException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static IEnumerable<string> Numbered(string format) =>
        Enumerable.Range(1, 5).Select(number => string.Format(System.Globalization.CultureInfo.InvariantCulture, format, number));

    private static CifarBatch[] ReadFolder(string path, Layout[] layouts, bool train)
    {
        var folder = new ContainedFolder(path, message => new DataSetException(message));
        foreach (var layout in layouts)
        {
            foreach (string[] inside in new string[][] { [], [layout.Folder] })
            {
                if (Array.TrueForAll(layout.Files(train), file => File.Exists(Path.Combine([path, .. inside, file]))))
                    return [.. layout.Files(train).Select(file => ReadFile(folder, [.. inside, file], layout.Format))];
            }
        }

        if (Array.Find(layouts, layout => File.Exists(Path.Combine(path, layout.Archive))) is { } packed)
        {
            using var stream = folder.Open(packed.Archive);
            return ReadTar(stream, $"'{stream.Name}'", layouts, train);
        }

        throw new DataSetException($"'{path}' holds no CIFAR-{layouts[0].Classes}; give its .tar.gz archive, or the folder {string.Join(" or ", layouts.Select(layout => layout.Folder))} unpacked from it");
    }

    private static CifarBatch ReadFile(ContainedFolder folder, string[] parts, DataSetFormat format)
    {
        using var stream = folder.Open(parts);
        return ReadBatch(stream, stream.Length, format, $"'{Path.Combine([folder.Path, .. parts])}'");
    }

    private static CifarBatch ReadBatch(Stream stream, long length, DataSetFormat format, string where) => format == DataSetFormat.CifarPython
        ? CifarPickle.ReadBatch(stream, length, where)
        : CifarBinary.ReadBatch(stream, length, format, where);

    private static CifarBatch[] ReadTar(FileStream archive, string name, Layout[] layouts, bool train)
    {
        var batches = new SortedDictionary<string, (Layout Layout, CifarBatch Batch)>(StringComparer.Ordinal);
        using var entries = new TarEntries(archive, name);
        while (entries.MoveNext())
        {
            var layout = Array.Find(layouts, layout => layout.Files(train).Any(file => entries.Name == $"{layout.Folder}/{file}"));
            if (layout is null)
                continue;
            var where = $"{name}, {entries.Name}";
            MemoryBudget.Check(where, entries.Length, sizeof(byte), sizeof(byte), entries.FileLength);
            if (!batches.TryAdd(entries.Name, (layout, ReadBatch(entries.Content, entries.Length, layout.Format, where))))
                throw new DataSetException($"{where} is in the archive twice; download it again");
        }

        var found = batches.Values.Select(item => item.Layout).Distinct().ToList();
        if (found.Count != 1 || batches.Count != found[0].Files(train).Length)
            throw new DataSetException($"{name} is not the whole CIFAR-{layouts[0].Classes} archive: {batches.Count} of its {(train ? "training" : "test")} files are there; download it again");
        return [.. batches.Values.Select(item => item.Batch)];
    }

    private sealed record Layout(int Classes, string Folder, DataSetFormat Format, string[] Train, string Test)
    {
        public string Archive => Format == DataSetFormat.CifarPython
            ? $"cifar-{Classes}-python.tar.gz"
            : $"cifar-{Classes}-binary.tar.gz";

        public string[] Files(bool train) => train ? Train : [Test];
    }
}
