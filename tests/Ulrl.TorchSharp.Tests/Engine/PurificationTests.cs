using Ulrl.TorchSharp.Engine;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Purification;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>A whole purification of the bundled example by both engines.</summary>
public sealed class PurificationTests
{
    [Fact]
    public void Both_engines_flag_the_same_neurons()
    {
        var reports = new[] { TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance }.Select(Purify).ToArray();

        Assert.Equal([0], reports[0].SuspiciousNeurons);
        Assert.Equal(reports[0].SuspiciousNeurons, reports[1].SuspiciousNeurons);
        Assert.Equal("torchsharp", reports[1].Engine);
        Assert.All(
            reports[0].Neurons.Zip(reports[1].Neurons),
            pair => Assert.Equal(pair.First.WeightChange, pair.Second.WeightChange, 0.03 * pair.First.WeightChange));
        var losses = reports.Select(r => r.Unlearning.Epochs.SelectMany(e => e.Losses).ToArray()).ToArray();
        Assert.Equal(losses[0].Length, losses[1].Length);
        Assert.All(losses[0].Zip(losses[1]).Take(8), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * Math.Abs(pair.First)));
    }

    [Fact]
    public void Both_engines_find_the_same_class_by_perturbations()
    {
        var reports = Balanced(new PurificationOptions());

        Assert.All(reports, r => Assert.Equal([0], r.SuspiciousNeurons));
        Assert.All(reports, r => Assert.Equal(0, r.Detection.Reach.MaxBy(c => c.Share)!.Class));

        // Which positions stay is a choice that rounding can turn, so the perturbations are not quite the same.
        Assert.Equal(reports[0].Detection.Reach[0].Share, reports[1].Detection.Reach[0].Share, 0.05);
        AssertFirstLosses(reports, 0.03f);
    }

    [Fact]
    public void Both_engines_begin_to_relearn_alike_with_mixed_samples()
    {
        var reports = Balanced(new PurificationOptions { PerturbedShare = 0, DisplacedShare = 0, MixedShare = 0.5f });

        Assert.All(reports, r => Assert.Empty(r.Detection.Reach));
        AssertFirstLosses(reports, 1e-3f);
    }

    [Theory]
    [InlineData("Sparse", 3)]
    [InlineData("Smooth", 3)]
    [InlineData("Warp", 2)]
    public void Both_engines_find_the_same_gradient_by_a_shared_perturbation(string kind, int planes)
    {
        var clean = Example.Clean(32);
        var perturbation = new SharedPerturbation(
            Enum.Parse<PerturbationKind>(kind), [.. Enumerable.Range(0, planes * 1024).Select(i => 0.1f * MathF.Sin(i))], 0, 0);
        long[] Toward(int target) => [.. Enumerable.Repeat((long)target, clean.Count)];
        var found = new[] { TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance }.Select(engine =>
        {
            using var gradients = new PerturbationGradient(Example.Model(), null, new SampleRange(clean), engine, Device.Cpu, 1);
            gradients.Compute(clean.Values, Toward(4), perturbation);
            return gradients.Compute(clean.Values, Toward(0), perturbation);
        }).ToArray();

        EngineComparison.AssertClose("the gradient", found[0].Gradient, found[1].Gradient, 0);
        Assert.Equal(found[0].Success, found[1].Success);
    }

    private static PurificationReport[] Balanced(PurificationOptions options) =>
    [
        .. new[] { TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance }.Select(engine => Purifier.Purify(
            Example.Model(),
            Example.Clean(128),
            options with { Engine = engine, Device = Device.Cpu, Threads = 1, UnlearningRuns = 1, UnlearningEpochs = 1, RelearningEpochs = 1, BatchSize = 64 }).Report),
    ];

    private static void AssertFirstLosses(PurificationReport[] reports, float tolerance)
    {
        var losses = reports.Select(r => r.Relearning.Epochs[0].Losses[0]).ToArray();
        Assert.Equal(losses[0], losses[1], tolerance * losses[0]);
    }

    private static PurificationReport Purify(TrainingEngine engine)
    {
        var options = PurificationOptions.Published() with { Engine = engine, Device = Device.Cpu, RelearningEpochs = 1 };
        return Purifier.Purify(Example.Model(), Example.Clean(), options).Report;
    }
}
