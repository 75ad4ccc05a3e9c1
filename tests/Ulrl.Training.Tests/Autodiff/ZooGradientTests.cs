using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Loss, logits and gradients of real networks against what PyTorch computes on them (TestData/zoo, made by tests/peers/make_zoo.py).</summary>
public sealed class ZooGradientTests
{
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 1e-3;

    // Some gradients are zero but for rounding: of a bias before batch-norm, of an attention key's bias. They are
    // measured against the network's largest entry.
    private const double Floor = 1e-5;

    public static TheoryData<string> Names => [.. TestFiles.ZooNames];

    [Theory]
    [MemberData(nameof(Names))]
    public void Loss_and_logits_in_inference_mode_are_those_of_PyTorch(string name)
    {
        using var reference = NpzFile.Open(TestFiles.ZooReference(name));
        var found = Compute(name, reference, NetworkMode.Evaluate);

        AssertLoss(reference.Read("eval_loss"), found.Loss);
        var logits = reference.Read("eval_logits").ToSingles();
        var largest = logits.Max(Math.Abs);
        Assert.All(logits.Zip(found.Logits), pair => Assert.Equal(pair.First, pair.Second, 1e-4f * largest));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Loss_and_gradients_in_train_mode_are_those_of_PyTorch(string name)
    {
        using var reference = NpzFile.Open(TestFiles.ZooReference(name));
        var found = Compute(name, reference, NetworkMode.Train);

        AssertLoss(reference.Read("train_loss"), found.Loss);
        const string prefix = "train_grad/";
        var expected = reference.Names.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(n => n[prefix.Length..], reference.Read, StringComparer.Ordinal);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Gradients.Keys.Order(StringComparer.Ordinal));
        var network = expected.Values.Max(g => g.ToSingles().Max(Math.Abs));
        foreach (var (parameter, gradient) in expected)
        {
            var (shape, values) = found.Gradients[parameter];
            Assert.Equal(gradient.Shape.Select(d => (long)d), shape);
            var entries = gradient.ToSingles();
            var allowed = Math.Max(GradientTolerance * entries.Max(Math.Abs), Floor * network);
            var worst = entries.Zip(values, (e, v) => Math.Abs(e - v)).Max();
            Assert.True(worst <= allowed, $"{name}: the gradient by {parameter} is off by {worst:E2}, {allowed:E2} is allowed.");
        }
    }

    private static GradientResult Compute(string name, NpzFile reference, NetworkMode mode)
    {
        var input = reference.Read("input");
        int[] labels = [.. reference.Read("labels").ToInt64s().Select(l => (int)l)];
        return GradientCalculator.Compute(OnnxModel.Load(TestFiles.ZooModel(name)), input.ToSingles(), input.Shape[1..], labels, mode);
    }

    private static void AssertLoss(NpyArray expected, float found)
    {
        var loss = expected.ToSingles()[0];
        Assert.Equal(loss, found, LossTolerance * Math.Abs(loss));
    }
}
