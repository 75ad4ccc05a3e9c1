using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Files of TorchSharp's <c>module.save</c>, without TorchSharp.</summary>
public sealed class TorchSharpFileTests : IDisposable
{
    // TorchSharp 0.107: Sequential(("fc", Linear(3, 2)), ("norm", BatchNorm1d(2))).save.
    private static readonly string Real = TestFiles.TestData("checkpoints", "torchsharp.dat");

    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_is_read_and_written_byte_for_byte()
    {
        var checkpoint = TorchCheckpoint.Load(Real);
        Assert.Equal(CheckpointFormat.TorchSharp, checkpoint.Format);
        Assert.Equal(["fc.weight", "fc.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"], checkpoint.Tensors.Keys);
        Assert.Equal([2L, 3L], checkpoint.Tensors["fc.weight"].Shape);
        Assert.Equal(OnnxElementType.Int64, checkpoint.Tensors["norm.num_batches_tracked"].ElementType);

        var copy = Path.Combine(folder.Path, "copy.dat");
        TorchCheckpoint.SaveTorchSharp(copy, checkpoint.Tensors);
        Assert.Equal(File.ReadAllBytes(Real), File.ReadAllBytes(copy));
    }

    [Fact]
    public void Weights_go_into_a_graph_of_the_same_names_and_back()
    {
        Architecture.Register("dat-net", (net, x, classes) => net.Linear(net.Flatten(net.GlobalAveragePool(net.Relu(net.Conv(x, "conv", 4, 3)))), "fc", classes));
        var architecture = Architecture.Create("dat-net", 2);
        var values = architecture.Parameters.ToDictionary(p => p.Name, p => new CheckpointTensor(Enumerable.Range(1, (int)p.Shape.Aggregate(1L, (a, b) => a * b)).Select(i => 1f / i).ToArray(), [.. p.Shape]));
        values.Add("steps", new CheckpointTensor([7L]));
        var file = Path.Combine(folder.Path, "a.dat");
        TorchCheckpoint.SaveTorchSharp(file, values);

        var checkpoint = TorchCheckpoint.Load(file);
        var skeleton = architecture.Build(checkpoint.ToStateDict().Where(t => t.Key != "steps").ToDictionary(t => t.Key, t => (t.Value.Shape, new float[t.Value.Values.Length])));
        var model = checkpoint.ToOnnx(skeleton);
        Assert.Equal(values["fc.weight"].ToSingles(), TensorData.ReadFloats(model.Proto.Graph.Initializer.Single(t => t.Name == "fc.weight")));

        TensorData.WriteFloats(model.Proto.Graph.Initializer.Single(t => t.Name == "fc.bias"), [5, 6]);
        var tuned = checkpoint.UpdatedBy(model).ToDictionary();
        Assert.Equal(checkpoint.Tensors.Keys, tuned.Keys);
        Assert.Equal([5f, 6f], tuned["fc.bias"].ToSingles());
        Assert.Equal([7L], tuned["steps"].ToInt64s());

        var other = Architecture.Create("dat-net", 3);
        var wrong = other.Build(other.Parameters.ToDictionary(p => p.Name, p => (p.Shape.ToArray(), new float[p.Shape.Aggregate(1L, (a, b) => a * b)])));
        Assert.Contains("of another shape 'fc.weight' is [3, 4] in the graph and [2, 4] in the checkpoint", Assert.Throws<CheckpointException>(() => checkpoint.ToOnnx(wrong)).Message, StringComparison.Ordinal);
        Assert.Contains("missing 'conv.weight'", Assert.Throws<CheckpointException>(() => TorchCheckpoint.Load(Real).ToOnnx(skeleton)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Element_types_survive()
    {
        var file = Path.Combine(folder.Path, "half.dat");
        File.WriteAllBytes(file, [2, 1, (byte)'a', 5, 1, 2, 0x00, 0x3C, 0x00, 0xC0, 1, (byte)'b', 15, 0, 0x80, 0x3F]);
        var checkpoint = TorchCheckpoint.Load(file);
        Assert.Equal([1f, -2f], checkpoint.Tensors["a"].ToSingles());
        Assert.Equal([1f], checkpoint.Tensors["b"].ToSingles());
        var copy = Path.Combine(folder.Path, "copy.dat");
        TorchCheckpoint.SaveTorchSharp(copy, checkpoint.Tensors);
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(copy));
    }

    [Theory]
    [InlineData(new byte[] { 1, 1, (byte)'w', 6, 1, 0x80, 0x80, 0x80, 0x80, 0x40 }, "is more than one array can hold")]
    [InlineData(new byte[] { 1, 1, (byte)'w', 6, 1, 0x80, 0x80, 0x40 }, "bytes are claimed where 0 are left")]
    [InlineData(new byte[] { 1, 1, (byte)'w', 6, 100 }, "claims 100 dimensions")]
    [InlineData(new byte[] { 1, 1, (byte)'w', 9, 0 }, "has element type 9, which is not read")]
    [InlineData(new byte[] { 2, 1, (byte)'w', 0, 0, 1, 1, (byte)'w', 0, 0, 1 }, "comes twice")]
    [InlineData(new byte[] { 1, 1, (byte)'w', 0, 0, 1, 2 }, "more data follow the last entry")]
    [InlineData(new byte[] { 1, 1, (byte)'w', 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, "more than 63 bits")]
    [InlineData(new byte[] { 1, 2, (byte)'w', 0xFF, 0, 0, 0 }, "is no UTF-8")]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1, (byte)'w', 0, 0, 1 }, "truncated or damaged")]
    public void Damaged_and_hostile_files_are_refused(byte[] bytes, string reason) =>
        Assert.Contains(reason, CheckpointFiles.Refused(folder.Write("a.dat", bytes)), StringComparison.Ordinal);
}
