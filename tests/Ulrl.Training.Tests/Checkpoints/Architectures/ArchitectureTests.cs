using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Checkpoints.Architectures;

public class ArchitectureTests
{
    // What BackdoorBench wraps the transformer in.
    private static string Prefix(string name) => name == "vit_b_16" ? "1." : "";

    [Theory]
    [InlineData("preactresnet18")]
    [InlineData("preactresnet34")]
    [InlineData("preactresnet50")]
    [InlineData("resnet18")]
    [InlineData("resnet34")]
    [InlineData("resnet50")]
    [InlineData("vgg19_bn")]
    [InlineData("vit_b_16")]
    [InlineData("efficientnet_b3")]
    [InlineData("mobilenet_v3_large")]
    [InlineData("densenet161")]
    [InlineData("convnext_tiny")]
    public void Logits_and_state_dict_are_those_of_pytorch(string name)
    {
        var reference = ReferenceCase.Of(name);
        var architecture = Architecture.Create(name, reference.Classes, reference.Input[1..]);
        var stateDict = new GeneratedStateDict(architecture.Parameters, reference.Gain, Prefix(name));
        Assert.Equal(reference.Entries, Digest(architecture, Prefix(name)));

        var model = architecture.Build(stateDict);

        Assert.Equal(stateDict.Keys, model.Initializers.Select(i => i.Name));
        var shape = reference.Input.Select(d => (long)d).ToArray();
        var logits = Run(model.ToBytes(), GeneratedStateDict.Generate("input", shape, 1), shape);
        var expected = reference.Logits.SelectMany(r => r).ToArray();
        var largest = expected.Max(MathF.Abs);
        Assert.Equal(expected.Length, logits.Length);
        Assert.All(expected.Zip(logits), pair => Assert.InRange(MathF.Abs(pair.First - pair.Second) / largest, 0, 1e-4f));
    }

    [Fact]
    public void Every_parameter_but_the_running_statistics_gets_a_gradient()
    {
        var architecture = Architecture.Create("preactresnet18", 10);
        var model = architecture.Build(new GeneratedStateDict(architecture.Parameters, 1));
        long[] shape = [2, 3, 32, 32];

        var result = GradientCalculator.Compute(model, GeneratedStateDict.Generate("input", shape, 1), [3, 32, 32], [3, 7], NetworkMode.Train);

        var learned = architecture.Parameters.Where(p => !p.Name.Contains("running", StringComparison.Ordinal)).ToList();
        Assert.Equal(learned.Select(p => p.Name).Order(StringComparer.Ordinal), result.Gradients.Keys.Order(StringComparer.Ordinal));
        Assert.All(learned, p => Assert.Equal(p.Shape, result.Gradients[p.Name].Shape));
        Assert.All(result.Gradients.Values, g => Assert.Contains(g.Values, v => v != 0 && float.IsFinite(v)));
    }

    private static string Digest(Architecture architecture, string prefix)
    {
        var lines = architecture.Parameters.Select(p => $"{prefix}{p.Name} {string.Join(',', p.Shape)}\n").Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines))));
    }

    private static float[] Run(byte[] model, float[] values, long[] shape)
    {
        using var session = OrtSessions.Open(model, Device.Cpu, 0);
        using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
        using var options = new RunOptions();
        using var results = session.Run(options, new Dictionary<string, OrtValue> { ["input"] = input }, ["logits"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
