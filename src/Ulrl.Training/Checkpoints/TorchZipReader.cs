using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// Reads the zip files of <c>torch.save</c>: NAME/data.pkl, NAME/data/KEY for each storage, NAME/version, and
/// NAME/byteorder since PyTorch 2.1.
/// </summary>
internal static class TorchZipReader
{
    private const string PickleName = "data.pkl";

    /// <summary>Reads the pickled object with its tensors.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="name">File, for errors.</param>
    public static object? Read(Stream stream, string name)
    {
        using var records = ZipRecords.Open(stream, name);
        var prefix = Prefix(records, name);
        CheckByteOrder(records, prefix, name);
        var pickle = records.Read(prefix + PickleName, PickleName);
        using var memory = new MemoryStream(pickle, writable: false);
        var input = new PickleInput(memory, pickle.Length, $"{name}, {PickleName}", CheckpointFile.Error);
        var globals = new TorchGlobals(stream.Length, (reader, key, length) => ReadStorage(records, prefix, key, length));
        return new PickleReader(input, globals).Read();
    }

    private static TensorStorage ReadStorage(ZipRecords records, string prefix, string key, long length)
    {
        var storage = new TensorStorage(length);
        storage.Fill(records.Read($"{prefix}data/{key}", "a storage", length));
        return storage;
    }

    // The folder all records share; torch names it after the file.
    private static string Prefix(ZipRecords records, string name)
    {
        if (records.IsTorchScript)
            throw new CheckpointException($"{name} is a TorchScript archive, which holds a network and not a state dict alone; read it as one (TorchScriptArchive, ulrl convert), or save model.state_dict() with torch.save");
        var pickles = records.Names.Where(record => Path.GetFileName(record) == PickleName && record.Count(c => c == '/') == 1).ToList();
        return pickles.Count switch
        {
            1 => pickles[0][..^PickleName.Length],
            0 => throw new CheckpointException($"{name} is a zip archive without data.pkl, so torch.save did not write it; give a file saved with torch.save"),
            _ => throw new CheckpointException($"{name} holds {pickles.Count} pickles; the file is damaged or an attack"),
        };
    }

    private static void CheckByteOrder(ZipRecords records, string prefix, string name)
    {
        var record = prefix + "byteorder";
        if (records.Contains(record) && !records.Read(record, "record byteorder").AsSpan().SequenceEqual("little"u8))
            throw new CheckpointException($"{name}: the tensors are not in little-endian byte order; load and save the file again with PyTorch on a little-endian machine");
    }
}
