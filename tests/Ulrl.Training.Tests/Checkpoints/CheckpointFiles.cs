using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Checkpoints of PyTorch under TestData, and hand-made ones.</summary>
internal static class CheckpointFiles
{
    /// <summary>Pushes the storage class, key, device and number of elements: a float storage '0' of 4 elements.</summary>
    public const string FloatStorage = "(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0004tQ";

    /// <summary>Path of a file that PyTorch wrote.</summary>
    public static string Real(string name) => TestFiles.TestData("checkpoints", name);

    /// <summary>Bytes of a pickle given as text, one byte per character.</summary>
    public static byte[] Bytes(string pickle) => Encoding.Latin1.GetBytes(pickle);

    /// <summary>A torch zip file around a pickle, with one storage '0' of four floats.</summary>
    public static byte[] Zip(byte[] pickle, CompressionLevel level = CompressionLevel.NoCompression, int storageBytes = 16) =>
        Zip([("a/data.pkl", pickle), ("a/data/0", new byte[storageBytes]), ("a/version", "3\n"u8.ToArray())], level);

    /// <summary>A zip file of records.</summary>
    public static byte[] Zip(IEnumerable<(string Name, byte[] Content)> records, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in records)
            {
                using var stream = archive.CreateEntry(name, level).Open();
                stream.Write(content);
            }
        }

        return memory.ToArray();
    }

    /// <summary>A pickle of a state dict with one tensor 'w' on the storage of four floats.</summary>
    public static byte[] OneTensor(string offset = "K\0", string shape = "K\u0002K\u0002", string strides = "K\u0002K\u0001", string storage = FloatStorage) =>
        Bytes($"\u0080\u0002}}(X\u0001\0\0\0wctorch._utils\n_rebuild_tensor_v2\n({storage}{offset}({shape}t({strides}t\u0089}}tRu.");

    /// <summary>Reads a file's data.pkl.</summary>
    public static byte[] PickleOf(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        using var stream = archive.Entries.Single(entry => entry.Name == "data.pkl").Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    /// <summary>A safetensors file of a header and data.</summary>
    public static byte[] SafeTensors(string header, int dataBytes)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        return bytes;
    }

    /// <summary>Reads a plain pickle, with the names a checkpoint may use.</summary>
    public static object? Unpickle(byte[] pickle)
    {
        using var stream = new MemoryStream(pickle);
        var input = new PickleInput(stream, pickle.Length, "pickle", CheckpointFile.Error);
        return new PickleReader(input, new TorchGlobals(pickle.Length, (reader, _, _) => throw reader.Error("no storages here"))).Read();
    }

    /// <summary>The error that loading a file must give: one line, which names the file.</summary>
    public static string Refused(string path)
    {
        var error = Assert.Throws<CheckpointException>(() => TorchCheckpoint.Load(path));
        Assert.Contains(Path.GetFileName(path), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }
}
