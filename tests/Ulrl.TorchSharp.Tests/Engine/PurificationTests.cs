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
    public void Both_engines_find_the_same_class_by_perturbations_and_begin_to_relearn_alike()
    {
        var options = new PurificationOptions { UnlearningRuns = 1, UnlearningEpochs = 2, RelearningEpochs = 2, Device = Device.Cpu };
        var reports = new[] { TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance }
            .Select(engine => Purifier.Purify(Example.Model(), Example.Clean(200), options with { Engine = engine }).Report).ToArray();

        Assert.All(reports, r => Assert.Equal([0], r.SuspiciousNeurons));
        Assert.All(reports, r => Assert.Equal(0, r.Detection.Reach.MaxBy(c => c.Share)!.Class));
        var losses = reports.Select(r => r.Relearning.Epochs[0].Losses[0]).ToArray();
        Assert.Equal(losses[0], losses[1], 1e-3f * losses[0]);
    }

    [Fact]
    public void Both_engines_find_the_same_gradient_by_a_shared_perturbation()
    {
        var clean = Example.Clean(32);
        var perturbation = Enumerable.Range(0, clean.SampleLength).Select(i => 0.1f * MathF.Sin(i)).ToArray();
        var found = new[] { TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance }.Select(engine =>
        {
            using var gradients = new PerturbationGradient(Example.Model(), null, new SampleRange(clean), engine, Device.Cpu, 1);
            gradients.Compute(clean.Values, 4, perturbation);
            return gradients.Compute(clean.Values, 0, perturbation);
        }).ToArray();

        EngineComparison.AssertClose("the gradient", found[0].Gradient, found[1].Gradient, 0);
        Assert.Equal(found[0].Success, found[1].Success);
    }

    private static PurificationReport Purify(TrainingEngine engine)
    {
        var options = PurificationOptions.Published() with { Engine = engine, Device = Device.Cpu, RelearningEpochs = 1 };
        return Purifier.Purify(Example.Model(), Example.Clean(), options).Report;
    }
}
