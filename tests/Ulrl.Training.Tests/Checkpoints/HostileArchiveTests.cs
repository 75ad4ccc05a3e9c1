using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Containers made to mislead: zip tricks, the older layout and safetensors with claims that do not hold.</summary>
public sealed class HostileArchiveTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("../evil", "leads out of the archive")]
    [InlineData("a/../../evil", "leads out of the archive")]
    [InlineData("/etc/passwd", "leads out of the archive")]
    [InlineData("a\\evil", "leads out of the archive")]
    [InlineData("a/data.pkl", "record twice")]
    [InlineData("b/data.pkl", "2 pickles")]
    [InlineData("a/code/__torch__.py", "TorchScript")]
    [InlineData("a/constants.pkl", "TorchScript")]
    [InlineData("a/byteorder", "little-endian")]
    public void A_record_that_does_not_belong_is_refused(string record, string reason)
    {
        var bytes = CheckpointFiles.Zip([("a/data.pkl", CheckpointFiles.OneTensor()), ("a/data/0", new byte[16]), (record, [1])]);
        Assert.Contains(reason, CheckpointFiles.Refused(folder.Write("a.pt", bytes)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_storage_that_is_missing_or_of_another_length_is_refused()
    {
        var pickle = CheckpointFiles.OneTensor();
        Assert.Contains("a storage is missing", CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip([("a/data.pkl", pickle)]))), StringComparison.Ordinal);
        Assert.Contains("has 15 bytes where the pickle claims 16", CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(pickle, storageBytes: 15))), StringComparison.Ordinal);
        Assert.Contains("without data.pkl", CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip([("a/b/data.pkl", pickle)]))), StringComparison.Ordinal);

        // The key is text from the file: it must not lead to another record, let alone another file.
        var key = CheckpointFiles.OneTensor(storage: CheckpointFiles.FloatStorage.Replace("X\u0001\0\0\00", "X\u000b\0\0\0../data.pkl", StringComparison.Ordinal));
        Assert.Contains("a storage is missing", CheckpointFiles.Refused(folder.Write("a.pt", CheckpointFiles.Zip(key))), StringComparison.Ordinal);
    }

    [Fact]
    public void Compressed_records_are_read()
    {
        var bytes = CheckpointFiles.Zip(CheckpointFiles.OneTensor(), CompressionLevel.SmallestSize);
        Assert.Equal(new float[4], TorchCheckpoint.Load(folder.Write("a.pt", bytes)).Tensors["w"].ToSingles());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_record_that_expands_out_of_proportion_is_refused_without_taking_the_memory(bool pickle)
    {
        // 40 MB of zeros deflate to 40 KB.
        var zeros = new byte[40_000_000];
        var storage = CheckpointFiles.FloatStorage.Replace("K\u0004tQ", "J\u0080\u0096\u0098\0tQ", StringComparison.Ordinal);
        var bytes = pickle
            ? CheckpointFiles.Zip(zeros, CompressionLevel.Optimal)
            : CheckpointFiles.Zip(CheckpointFiles.OneTensor(storage: storage), CompressionLevel.Optimal, zeros.Length);
        folder.Write("a.pt", bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("out of proportion", CheckpointFiles.Refused(folder["a.pt"]), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_record_that_lies_about_its_length_is_refused()
    {
        var bytes = CheckpointFiles.Zip(CheckpointFiles.OneTensor(), CompressionLevel.Optimal);
        var central = bytes.AsSpan().IndexOf("PK\u0001\u0002"u8);
        foreach (var claim in new[] { 0u, 1u, 200u, 1u << 20, 0x7FFFFFFFu, 0xFFFFFFFEu })
        {
            var changed = bytes.ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(central + 24), claim);
            folder.Write("a.pt", changed);
            var before = GC.GetAllocatedBytesForCurrentThread();
            CheckpointFiles.Refused(folder["a.pt"]);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void Records_that_share_their_bytes_are_refused()
    {
        // The directory names one stored record many times over, under different names.
        var storages = Enumerable.Range(0, 200).Select(i => (Key: $"{i:d3}", Content: new byte[40_000])).ToList();
        var pickle = new StringBuilder("\u0080\u0002}(");
        foreach (var (key, _) in storages)
        {
            var storage = CheckpointFiles.FloatStorage.Replace("X\u0001\0\0\00", $"X\u0003\0\0\0{key}", StringComparison.Ordinal).Replace("K\u0004tQ", "M\u0010\u0027tQ", StringComparison.Ordinal);
            pickle.Append($"X\u0003\0\0\0{key}ctorch._utils\n_rebuild_tensor_v2\n({storage}K\0(M\u0010\u0027t(K\u0001t\u0089}}tR");
        }

        var whole = CheckpointFiles.Zip([("a/data.pkl", CheckpointFiles.Bytes(pickle + "u.")), .. storages.Select(item => ($"a/data/{item.Key}", item.Content))]);
        Assert.Equal(200, TorchCheckpoint.Load(folder.Write("whole.pt", whole)).Tensors.Count);

        var directory = whole.AsSpan().IndexOf("PK\u0001\u0002"u8);
        var first = whole.AsSpan(0, directory).IndexOf("a/data/000"u8) - 30;
        var after = whole.AsSpan(0, directory).IndexOf("a/data/001"u8) - 30;
        byte[] shared = [.. whole.AsSpan(0, after), .. whole.AsSpan(directory)];
        for (var at = after; shared.AsSpan(at).StartsWith("PK\u0001\u0002"u8); at += 46 + shared[at + 28])
        {
            if (shared.AsSpan(at + 46).StartsWith("a/data/"u8))
                BinaryPrimitives.WriteInt32LittleEndian(shared.AsSpan(at + 42), first);
        }

        BinaryPrimitives.WriteInt32LittleEndian(shared.AsSpan(shared.Length - 6), after);
        var error = CheckpointFiles.Refused(folder.Write("shared.pt", shared));
        Assert.True(error.Contains("overlap", StringComparison.Ordinal) || error.Contains("cannot be read", StringComparison.Ordinal), error);
    }

    [Theory]
    [InlineData("", 0, "truncated")]
    [InlineData("{", 0, "no valid JSON")]
    [InlineData("[]", 0, "of no known format")]
    [InlineData("{\"w\\ud800\":{}}", 0, "no valid JSON")]
    [InlineData("{\"w\":{\"dtype\":\"\\udfff\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no valid JSON")]
    [InlineData("{}", 1, "more data follow")]
    [InlineData("{}", 0, "holds no state dict")]
    [InlineData("{\"w\":{}}", 0, "not a dtype, a shape and two offsets")]
    [InlineData("{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype F8E4M3, which is not read")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "do not hold it")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "not a dtype, a shape")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "overlap or leave gaps")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlap or leave gaps")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "names something twice")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "truncated")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1000000],\"data_offsets\":[0,4000000]}}", 4, "truncated")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807],\"data_offsets\":[0,4]}}", 4, "more than one array can hold")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1e3],\"data_offsets\":[0,4]}}", 4, "not a dtype, a shape")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "metadata are no texts")]
    public void Safetensors_with_claims_that_do_not_hold_are_refused(string header, int dataBytes, string reason) =>
        Assert.Contains(reason, CheckpointFiles.Refused(folder.Write("a.safetensors", header.Length == 0 ? [9, 0, 0, 0, 0, 0, 0, 0, (byte)'{'] : CheckpointFiles.SafeTensors(header, dataBytes))), StringComparison.Ordinal);

    [Fact]
    public void Safetensors_nested_deeply_are_refused() =>
        Assert.Contains("no valid JSON", CheckpointFiles.Refused(folder.Write("a.safetensors", CheckpointFiles.SafeTensors("{\"a\":" + new string('[', 100_000), 0))), StringComparison.Ordinal);

    [Fact]
    public void The_older_layout_with_changed_parts_is_refused()
    {
        var whole = File.ReadAllBytes(CheckpointFiles.Real("state_dict_legacy.pt"));
        Assert.Contains("more data follow", CheckpointFiles.Refused(folder.Write("a.pt", [.. whole, 0])), StringComparison.Ordinal);
        Assert.Contains("truncated", CheckpointFiles.Refused(folder.Write("a.pt", whole[..^1])), StringComparison.Ordinal);
        var magic = whole.ToArray();
        magic[5] ^= 1;
        Assert.Contains("torch.save did not write", CheckpointFiles.Refused(folder.Write("a.pt", magic)), StringComparison.Ordinal);
        var version = whole.ToArray();
        version[version.AsSpan().IndexOf(new byte[] { (byte)'M', 0xE9, 3 }) + 1] = 0;
        Assert.Contains("unknown version", CheckpointFiles.Refused(folder.Write("a.pt", version)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_checkpoint_is_refused()
    {
        Assert.Contains("of no known format", CheckpointFiles.Refused(folder.Write("a.pt", [1, 2, 3])), StringComparison.Ordinal);
        Assert.Contains("of no known format", CheckpointFiles.Refused(folder.Write("a.pt", [])), StringComparison.Ordinal);
        Assert.Contains("cannot be read", CheckpointFiles.Refused(folder.Write("a.pt", [(byte)'P', (byte)'K', 3, 4])), StringComparison.Ordinal);
        Assert.Contains("does not exist", CheckpointFiles.Refused(folder["missing.pt"]), StringComparison.Ordinal);
        Assert.Contains("is a folder", CheckpointFiles.Refused(folder.Path), StringComparison.Ordinal);
    }
}
