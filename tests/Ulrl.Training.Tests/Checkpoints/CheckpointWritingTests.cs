using System.Buffers.Binary;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Onnx;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>What is written; that PyTorch reads it is checked by tests/peers/make_checkpoints.py --compare.</summary>
public sealed class CheckpointWritingTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("types.pt")]
    [InlineData("views.pt")]
    [InlineData("state_dict_legacy.pt")]
    public void What_is_written_is_read_back_bit_for_bit(string file)
    {
        var given = TorchCheckpoint.Load(CheckpointFiles.Real(file)).Tensors;
        TorchCheckpoint.Save(folder["out.pt"], given);
        var read = TorchCheckpoint.Load(folder["out.pt"]);

        Assert.Equal(CheckpointFormat.TorchZip, read.Format);
        Assert.Equal(given.Keys, read.Tensors.Keys);
        foreach (var (name, tensor) in given)
        {
            Assert.Equal(tensor.ElementType, read.Tensors[name].ElementType);
            Assert.Equal(tensor.Shape, read.Tensors[name].Shape);
            Assert.Equal(tensor.ToSingles(), read.Tensors[name].ToSingles());
        }
    }

    [Fact]
    public void A_result_of_a_defence_holds_the_model_its_name_and_its_classes()
    {
        var tensors = new OrderedDictionary<string, CheckpointTensor>
        {
            ["fc.weight"] = new([1f, -2, 3, float.NaN, 5, float.NegativeInfinity], 2, 3),
            ["bn.num_batches_tracked"] = new([1L << 40]),
            ["none"] = new(Array.Empty<float>(), 0, 1L << 40),
        };
        TorchCheckpoint.Save(folder["defense_result.pt"], tensors, "preactresnet18", 10);
        var read = TorchCheckpoint.Load(folder["defense_result.pt"]);

        Assert.Equal("preactresnet18", read.ModelName);
        Assert.Equal(10, read.ClassCount);
        Assert.Equal(tensors.Keys, read.Tensors.Keys);
        Assert.Equal([1f, -2, 3, float.NaN, 5, float.NegativeInfinity], read.Tensors["fc.weight"].ToSingles());
        Assert.Equal([2L, 3L], read.Tensors["fc.weight"].Shape);
        Assert.Equal(OnnxElementType.Int64, read.Tensors["bn.num_batches_tracked"].ElementType);
        Assert.Equal([1L << 40], read.Tensors["bn.num_batches_tracked"].ToInt64s());
        Assert.Equal([0L, 1L << 40], read.Tensors["none"].Shape);
    }

    [Fact]
    public void Every_record_begins_at_a_multiple_of_64_and_equal_content_gives_equal_bytes()
    {
        var tensors = TorchCheckpoint.Load(CheckpointFiles.Real("types.pt")).Tensors;
        TorchCheckpoint.Save(folder["a.pt"], tensors);
        folder.Write("b.pt", [1, 2, 3]);
        TorchCheckpoint.Save(folder["b.pt"], tensors);
        var bytes = File.ReadAllBytes(folder["a.pt"]);

        Assert.Equal(bytes, File.ReadAllBytes(folder["b.pt"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
        var records = 0;
        for (var at = 0; BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) == 0x04034B50; records++)
        {
            var data = at + 30 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 26)) + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 28));
            Assert.Equal(0, data % 64);
            at = data + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 18));
        }

        Assert.Equal(tensors.Count + 3, records);
    }

    [Fact]
    public void What_cannot_be_written_keeps_the_old_file_and_leaves_nothing_behind()
    {
        folder.Write("a.pt", [1, 2, 3]);
        var tensor = new CheckpointTensor([1f], 1);
        var unsigned = TorchCheckpoint.Load(folder.Write("u.safetensors", CheckpointFiles.SafeTensors("{\"w\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2)));

        Assert.Contains("two tensors are named 'w'", Assert.Throws<UlrlException>(() => TorchCheckpoint.Save(folder["a.pt"], [new("w", tensor), new("w", tensor)])).Message, StringComparison.Ordinal);
        Assert.Contains("'w' has type UInt16", Assert.Throws<UlrlException>(() => TorchCheckpoint.Save(folder["a.pt"], unsigned.Tensors)).Message, StringComparison.Ordinal);
        Assert.Throws<UlrlException>(() => TorchCheckpoint.Save(Path.Combine(folder["missing"], "a.pt"), [new("w", tensor)]));
        Assert.Throws<ArgumentException>(() => TorchCheckpoint.Save(folder["a.pt"], [new("w", tensor)], "vgg19_bn"));
        Assert.Throws<ArgumentException>(() => new CheckpointTensor([1f, 2], 3));

        Assert.Equal([1, 2, 3], File.ReadAllBytes(folder["a.pt"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
    }
}
