using System.IO.Compression;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.TorchScript;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Networks traced by PyTorch (tests/peers/make_torchscript.py) as ONNX, beside what PyTorch computes with them.</summary>
public sealed class TorchScriptTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(TestFiles.TestData("torchscript"), "*.npz").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_traced_network_gives_the_logits_that_PyTorch_gives(string name)
    {
        using var reference = NpzFile.Open(TestFiles.TestData("torchscript", name + ".npz"));
        var input = reference.Read("input");
        var expected = reference.Read("logits").ToSingles();
        var model = TorchScriptArchive.Load(Archive(name)).ToOnnx([1, .. input.Shape.Skip(1).Select(d => (long)d)]);

        var actual = Run(model, input);
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(1, expected.Max(Math.Abs));
        Assert.All(expected.Zip(actual), p => Assert.True(Math.Abs(p.First - p.Second) <= 1e-4 * scale, $"{p.First} and {p.Second}"));
        Assert.Equal("input", model.Inputs[0].Name);
        Assert.Equal("batch", model.Inputs[0].Dimensions![0].Symbol);
        Assert.Equal("logits", model.Outputs[0].Name);
    }

    [Fact]
    public void Initializers_carry_the_names_of_the_state_dict_and_constants_do_not_train()
    {
        var model = TorchScriptArchive.Load(Archive("mixed")).ToOnnx([1, 3, 17, 17]);
        var names = model.Initializers.Select(i => i.Name).ToHashSet();
        Assert.Subset(names, new HashSet<string> { "up.weight", "norms.0.weight", "norms.2.bias", "slopes.weight", "scale", "reflect.weight", "fc.bias" });
        Assert.DoesNotContain("shift", names);
        var traced = TorchScriptArchive.Load(Archive("resnet")).ToOnnx([1, 3, 32, 32]);
        Assert.Contains(traced.Proto.Graph.Node, n => n.OpType == "BatchNormalization" && n.Name.StartsWith("blocks.1.bn2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_traced_network_can_be_purified()
    {
        var model = TorchScriptArchive.Load(Archive("resnet")).ToOnnx([1, 3, 32, 32]);
        var samples = DataSetReader.Read(TestFiles.Example("clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(64);
        var result = Purifier.Purify(model, samples, new PurificationOptions { UnlearningEpochs = 1, RelearningEpochs = 1 });
        Assert.Equal(model.Initializers.Select(i => i.Name), result.Model.Initializers.Select(i => i.Name));
    }

    [Fact]
    public void Scripted_control_flow_is_refused_by_name_and_line()
    {
        var error = Assert.Throws<CheckpointException>(() => TorchScriptArchive.Load(Archive("scripted")).ToOnnx([1, 3, 4, 4]));
        Assert.Matches("scripted.pt', __torch__.*py, line [0-9]+: scripted control flow \\('if'\\) has no ONNX counterpart here; save torch.jit.trace", error.Message);
    }

    [Fact]
    public void A_tensor_that_was_changed_through_a_view_is_refused()
    {
        var error = Assert.Throws<CheckpointException>(() => TorchScriptArchive.Load(Archive("view")).ToOnnx([1, 3, 4, 4]));
        Assert.Contains("a tensor is read that was changed in place through another view of it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_told_with_the_line()
    {
        var error = Assert.Throws<CheckpointException>(() => TorchScriptArchive.Load(Archive("resnet")).ToOnnx([1, 4, 32, 32]));
        Assert.Matches("py, line [0-9]+: a convolution of 3 channels is applied to a tensor of shape \\[batch, 4, 32, 32\\]", error.Message);
    }

    [Theory]
    [InlineData("return os.system(x, )", "'os' has no value")]
    [InlineData("return torch.frobnicate(x)", "operator 'torch.frobnicate' has no ONNX counterpart here")]
    [InlineData("return torch.relu(y)", "'y' has no value")]
    [InlineData("return torch.relu(x", "a bracket stays open")]
    [InlineData("return torch.relu(x))", "a bracket closes that did not open")]
    [InlineData("return (self).forward(x, )", "calls nest deeper than 60 levels")]
    [InlineData("while True:", "scripted control flow ('while')")]
    [InlineData("return torch.view(x, [9223372036854775807, 9223372036854775807])", "")]
    [InlineData("return torch.view(x, [int(torch.mul(torch.mul(torch.size(x, 1), 9223372036854775807), 2))])", "sizes are computed that no tensor has")]
    [InlineData("return torch.floor_divide(torch.size(x, 1), 0)", "a size is divided by zero")]
    [InlineData("return torch.expand(x, [1000000000, 1000000000, -1, -1])", "")]
    [InlineData("return torch.chunk(x, 2, 7)", "has no dimension 7")]
    [InlineData("return self.secret", "has no attribute 'secret'")]
    [InlineData("return CONSTANTS.c7", "constant 'c7' is missing")]
    [InlineData("return torch.add(x, \"a\")", "a text stands where a tensor is expected")]
    [InlineData("return [x", "a bracket stays open")]
    [InlineData("x = 1 + 2", "is not expected")]
    [InlineData("return torch.adaptive_avg_pool2d(x, [1000000000, 1000000000])", "")]
    [InlineData("return torch.pad(x, [0, 9223372036854775807])", "")]
    [InlineData("return torch.conv2d(x, x, None, [0, 0], [0, 0], [1, 1], 1)", "")]
    public void Malformed_and_hostile_code_ends_in_one_sentence(string statement, string reason)
    {
        var code = "class Net(Module):\n  __parameters__ = []\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    " + statement + "\n";
        var path = folder.Write("a.pt", CheckpointFiles.Zip([
            ("a/data.pkl", CheckpointFiles.Bytes("\u0080\u0002c__torch__\nNet\n)\u0081}b.")), ("a/constants.pkl", CheckpointFiles.Bytes("\u0080\u0002).")), ("a/code/__torch__.py", Encoding.UTF8.GetBytes(code))]));
        var error = Assert.ThrowsAny<UlrlException>(() => TorchScriptArchive.Load(path).ToOnnx([1, 3, 4, 4]));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("__torch__.py, line 5", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_that_double_at_every_level_end_soon()
    {
        var code = new StringBuilder("class Net(Module):\n");
        for (var i = 0; i < 50; i++) code.Append(System.Globalization.CultureInfo.InvariantCulture, $"  def f{i}(self: N,\n    x: Tensor) -> Tensor:\n    y = (self).f{i + 1}(x, )\n    return (self).f{i + 1}(y, )\n");
        code.Append("  def f50(self: N, x: Tensor) -> Tensor:\n    return x\n  def forward(self: N, x: Tensor) -> Tensor:\n    return (self).f0(x, )\n");
        var path = folder.Write("a.pt", CheckpointFiles.Zip([
            ("a/data.pkl", CheckpointFiles.Bytes("\u0080\u0002c__torch__\nNet\n)\u0081}b.")), ("a/constants.pkl", CheckpointFiles.Bytes("\u0080\u0002).")), ("a/code/__torch__.py", Encoding.UTF8.GetBytes(code.ToString()))]));
        Assert.Contains("statements run", Assert.Throws<CheckpointException>(() => TorchScriptArchive.Load(path).ToOnnx([1, 3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_archives_end_in_one_sentence()
    {
        var bytes = File.ReadAllBytes(Archive("vgg"));
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            using var memory = new MemoryStream();
            using (var from = new ZipArchive(new MemoryStream(bytes)))
            using (var to = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
            {
                foreach (var entry in from.Entries)
                {
                    using var stream = entry.Open();
                    using var content = new MemoryStream();
                    stream.CopyTo(content);
                    var record = content.ToArray();
                    if ((entry.Name.EndsWith(".py", StringComparison.Ordinal) || entry.Name.EndsWith(".pkl", StringComparison.Ordinal)) && record.Length > 0)
                    {
                        for (var i = 0; i < 3; i++) record[random.Next(record.Length)] = (byte)random.Next(256);
                    }

                    using var written = to.CreateEntry(entry.FullName, CompressionLevel.NoCompression).Open();
                    written.Write(record);
                }
            }

            var path = folder.Write($"{round}.pt", memory.ToArray());
            try
            {
                TorchScriptArchive.Load(path).ToOnnx([1, 3, 32, 32]);
            }
            catch (UlrlException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    private static string Archive(string name) => TestFiles.TestData("torchscript", name + ".pt");

    private static float[] Run(OnnxModel model, NpyArray input)
    {
        using var session = new InferenceSession(model.ToBytes());
        using var value = OrtValue.CreateTensorValueFromMemory(input.ToSingles(), [.. input.Shape.Select(d => (long)d)]);
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["input"], [value], ["logits"]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
