using Ulrl.Efficacy.Campaign;
using Ulrl.Efficacy.Methods;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Runtime;

namespace Ulrl.Efficacy.Tests.Methods;

public sealed class MethodTests
{
    private static readonly FineTuning Short = new() { Epochs = 10, BatchSize = 128, LearningRate = 0.01f, WeightDecay = 0f };
    private static readonly LabeledSamples Clean = Example.Images.Normalize(ChannelNormalization.Cifar10);

    [Fact]
    public void Feature_shift_tuning_takes_the_attack_out_of_the_example()
    {
        var test = Example.TestImages.Normalize(ChannelNormalization.Cifar10);
        var triggered = SubjectCatalog.ReadTriggered(Example.TriggeredPath);

        var result = new FeatureShiftTuning(Short).Purify(Example.Model, Clean, 0, 0, CancellationToken.None);

        Assert.Empty(result.Flagged);
        var before = Measures.Of(Example.Model, test, triggered, 0, CancellationToken.None);
        var after = Measures.Of(result.Model, test, triggered, 0, CancellationToken.None);
        Assert.InRange(before.AttackSuccess!.Value, 0.9, 1);
        Assert.InRange(after.AttackSuccess!.Value, 0, 0.3);
        Assert.InRange(after.CleanAccuracy, before.CleanAccuracy - 0.4, 1);
    }

    [Fact]
    public void Feature_shift_tuning_keeps_the_norm_of_the_classifier_layer_and_turns_it_away()
    {
        var layer = Ulrl.Training.Purification.ClassifierLayer.Find(Example.Model);
        var few = Clean.Take(100);

        var tuned = new FeatureShiftTuning(Short).Purify(Example.Model, few, 0, 0, CancellationToken.None).Model;

        var (before, after) = (Weights(Example.Model), Weights(tuned));
        Assert.Equal(Math.Sqrt(before.Sum(w => w * w)), Math.Sqrt(after.Sum(w => w * w)), 3);
        Assert.InRange(before.Zip(after).Sum(p => p.First * p.Second) / before.Sum(w => w * w), -1, 0.3);

        double[] Weights(Ulrl.Training.Onnx.OnnxModel model) =>
            [.. Ulrl.Training.Onnx.TensorData.ReadFloats(model.Proto.Graph.Initializer.Single(t => t.Name == layer.Weight)).Select(w => (double)w)];
    }

    [Fact]
    public void Sharpness_aware_steps_start_with_the_gradient_at_the_raised_weights()
    {
        var few = Clean.Take(32);
        var method = new SharpnessAwareFineTuning(new FineTuning { Epochs = 2, BatchSize = 32, LearningRate = 0.01f, WeightDecay = 5e-4f });

        var first = method.Purify(Example.Model, few, 0, 1, CancellationToken.None).Model;
        var second = method.Purify(Example.Model, few, 0, 1, CancellationToken.None).Model;
        var other = method.Purify(Example.Model, few, 1, 1, CancellationToken.None).Model;

        Assert.Equal(first.ToBytes(), second.ToBytes());
        Assert.NotEqual(first.ToBytes(), other.ToBytes());
        Assert.NotEqual(first.ToBytes(), Example.Model.ToBytes());
    }

    [Fact]
    public void Climbing_moves_the_weights_by_rho_in_the_adaptive_norm_and_raises_the_loss()
    {
        var batch = Clean.Take(64);
        var labels = Array.ConvertAll(batch.Labels, l => (long)l);
        using var session = FineTuning.Open(Example.Model, batch, new SmoothedCrossEntropy(0.1f), 1);
        var before = session.Parameters.ToDictionary(n => n, n => (float[])session.Values[n].Clone());

        var (loss, gradients) = session.Compute(batch.Values, labels, updateStatistics: false);
        SharpnessAwareFineTuning.Climb(session, gradients, 0.5f);
        var (raised, _) = session.Compute(batch.Values, labels, updateStatistics: false);

        Assert.True(raised > loss);
        // ‖e / w‖ = ρ, Kwon et al. 2021 (ASAM).
        var norm = Math.Sqrt(before.Sum(p => p.Value.Select((w, i) => w == 0 ? 0 : Math.Pow((session.Values[p.Key][i] - w) / w, 2)).Sum()));
        Assert.Equal(0.5, norm, 2);
    }

    [Fact]
    public void Without_smoothing_the_gradients_are_those_of_the_cross_entropy()
    {
        var batch = Clean.Take(16);
        var expected = GradientCalculator.Compute(Example.Model, batch.Values, batch.SampleShape, batch.Labels, NetworkMode.Train, threads: 1);
        using var session = FineTuning.Open(Example.Model, batch, new SmoothedCrossEntropy(0f), 1);
        var statistics = session.Values.Keys.Except(session.Parameters).ToDictionary(n => n, n => (float[])session.Values[n].Clone());

        var (loss, gradients) = session.Compute(batch.Values, Array.ConvertAll(batch.Labels, l => (long)l), updateStatistics: true);

        Assert.Equal(expected.Loss, loss, 4);
        Assert.Equal(expected.Gradients.Keys.Order(), gradients.Keys.Order());
        foreach (var (name, gradient) in gradients)
            Assert.True(gradient.Zip(expected.Gradients[name].Values).All(p => Math.Abs(p.First - p.Second) <= 1e-4 + (1e-3 * Math.Abs(p.Second))), name);
        Assert.NotEmpty(statistics);
        Assert.All(statistics, s => Assert.NotEqual(s.Value, session.Values[s.Key]));
    }
}
