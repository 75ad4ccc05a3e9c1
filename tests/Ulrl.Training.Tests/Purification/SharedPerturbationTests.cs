using System.Numerics.Tensors;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Perturbations that carry every sample to one class, searched on the bundled example: its backdoor leads to class 0.</summary>
public sealed class SharedPerturbationTests
{
    private static readonly Lazy<IReadOnlyList<SharedPerturbationPath>> Found = new(() =>
    {
        using var search = Search(Example.Model(), Example.Clean());
        return search.Search([.. Enumerable.Range(0, 10)]);
    });

    [Fact]
    public void Sparse_perturbations_reach_the_target_of_the_backdoor_alone()
    {
        var reach = Found.Value.Select(path => path.Reach).ToArray();

        Assert.InRange(reach[0], 0.9, 1);
        Assert.All(reach.Skip(1), other => Assert.InRange(other, 0, reach[0] - 0.3));
    }

    [Fact]
    public void Four_classes_are_followed_to_the_end()
    {
        var ends = Found.Value.Select(path => path.Success.Count).ToArray();

        Assert.Equal(8, ends[0]);
        Assert.Equal(4, ends.Count(levels => levels == 8));
        Assert.Equal(6, ends.Count(levels => levels == 4));
        var least = Found.Value.Where(path => path.Success.Count == 8).Min(path => path.Success[3]);
        Assert.All(Found.Value.Where(path => path.Success.Count == 4), path => Assert.InRange(path.Success[3], 0, least));
    }

    [Fact]
    public void Snapshots_have_few_pixels_and_change_no_sample_by_more_than_its_range()
    {
        var clean = Example.Clean();
        Assert.All(Found.Value, path => Assert.Equal(path.Success.Count == 8 ? [512, 128, 40, 16] : [512, 128], path.Snapshots.Select(s => s.Positions)));
        foreach (var snapshot in Found.Value.SelectMany(path => path.Snapshots))
        {
            Assert.InRange(Enumerable.Range(0, 1024).Count(p => Enumerable.Range(0, 3).Any(c => snapshot.Values[(c * 1024) + p] != 0)), 1, snapshot.Positions);
            for (var c = 0; c < 3; c++)
            {
                var channel = Enumerable.Range(0, clean.Count).SelectMany(i => clean.Sample(i).Slice(c * 1024, 1024).ToArray()).ToArray();
                var width = channel.Max() - channel.Min();
                Assert.InRange(TensorPrimitives.MaxMagnitude<float>(snapshot.Values.AsSpan(c * 1024, 1024)), -width, width);
            }
        }
    }

    [Fact]
    public void Success_is_measured_on_all_samples_of_other_classes()
    {
        var clean = Example.Clean();
        using var search = Search(Example.Model(), clean);
        using var evaluator = new Evaluator(Example.Model());
        var small = Found.Value[0].Snapshots[^1].Values;

        var success = search.Success(evaluator, 0, small);

        var shown = new LabeledSamples(Perturbed(clean, small, search.Range), clean.SampleShape, clean.Labels, target: 0);
        Assert.Equal(evaluator.EvaluateTriggered(shown).AttackSuccessRate, success, 1e-9);
        Assert.InRange(success, 0.9, 1);
        Assert.InRange(search.Success(evaluator, 0, new float[small.Length]), 0, 0.1);
    }

    [Fact]
    public void A_search_repeats_itself_to_the_bit_in_any_order_of_the_classes()
    {
        using var search = Search(Example.Model(), Example.Clean());

        var repeated = search.Search([3, 0]);

        foreach (var (path, first) in repeated.Zip([Found.Value[3], Found.Value[0]]))
        {
            Assert.Equal(first.Class, path.Class);
            Assert.Equal(first.Success, path.Success.Take(first.Success.Count));
            Assert.Equal(first.Snapshots.SelectMany(s => s.Values), path.Snapshots.Take(first.Snapshots.Count).SelectMany(s => s.Values));
        }
    }

    [Fact]
    public void Samples_that_are_no_images_are_searched_too_and_radii_grow_with_their_spread()
    {
        using var search = OfVectors(seed: 0);
        using var seeded = OfVectors(seed: 1);

        var snapshots = search.Search([1])[0].Snapshots;

        Assert.Equal([6, 2, 1, 1], snapshots.Select(s => s.Positions));
        Assert.All(snapshots, s => Assert.InRange(s.Values.Count(v => v != 0), 1, s.Positions));
        var largest = 5 * Math.Pow(12 / 5.0, 1 / 7.0) * search.Range.Deviation * Math.Sqrt(12 / 3072.0);
        Assert.InRange(TensorPrimitives.Norm<float>(snapshots[0].Values), 0.5 * largest, largest + 1e-5);
        Assert.NotEqual(snapshots[0].Values, seeded.Search([1])[0].Snapshots[0].Values);
    }

    [Fact]
    public void Every_step_is_reported()
    {
        var reported = new List<(int Done, int Of)>();
        using var search = OfVectors(seed: 0);

        search.Search([2, 0], (done, of) => reported.Add((done, of)));

        Assert.Equal(Enumerable.Range(1, 48).Select(done => (done, 48)), reported);
    }

    [Fact]
    public void Too_many_classes_are_refused()
    {
        using var search = OfVectors(seed: 0);

        Assert.Throws<ArgumentOutOfRangeException>(() => search.Search([.. Enumerable.Range(0, 21)]));
    }

    [Fact]
    public void The_gradient_is_the_slope_of_the_loss_toward_the_class()
    {
        var clean = Example.Clean(16);
        var perturbation = Enumerable.Range(0, clean.SampleLength).Select(i => 0.05f * MathF.Sin(i)).ToArray();
        // No sample is clipped: at its bounds the gradient is meant to pass, unlike the slope.
        var range = new SampleRange(new LabeledSamples([.. clean.Values.Select(v => 3 * v)], clean.SampleShape, clean.Labels));
        using var gradients = Gradients(Example.Model(), range);

        var (gradient, success) = gradients.Compute(clean.Values, 2, perturbation);

        // Along the gradient itself the slope is its norm.
        var norm = TensorPrimitives.Norm<float>(gradient);
        double Loss(double step) => Answer([.. perturbation.Zip(gradient, (p, g) => (float)(p + (step * g / norm)))]).Loss;
        GradientResult Answer(float[] added) => GradientCalculator.Compute(
            Example.Model(), Perturbed(clean, added, range), clean.SampleShape, [.. Enumerable.Repeat(2, clean.Count)], NetworkMode.Evaluate);
        Assert.Equal(norm, (Loss(0.01) - Loss(-0.01)) / 0.02, 0.01 * norm);
        Assert.Equal(Answer(perturbation).Logits.Chunk(10).Count(row => TensorPrimitives.IndexOfMax<float>(row) == 2) / 16.0, success);
    }

    [Theory]
    [InlineData("fixed batch", 1e-4)]
    [InlineData("softmax", 1e-4)]
    [InlineData("half precision", 0.05)]
    public void Other_forms_of_the_model_have_the_same_gradient(string form, double tolerance)
    {
        var clean = Example.Clean(6);
        var perturbation = new float[clean.SampleLength];
        perturbation[100] = 1f;
        var variant = form switch
        {
            "fixed batch" => ModelVariants.WithFixedBatch(Example.Model(), 4),
            "softmax" => ModelVariants.WithSoftmax(Example.Model()),
            _ => ModelVariants.InHalfPrecision(Example.Model()),
        };
        var found = new[] { Example.Model(), variant }.Select(model =>
        {
            using var gradients = Gradients(model, new SampleRange(clean));
            return gradients.Compute(clean.Values, 1, perturbation);
        }).ToArray();

        var difference = TensorPrimitives.Norm<float>([.. found[0].Gradient.Zip(found[1].Gradient, (a, b) => a - b)]);
        Assert.InRange(difference / TensorPrimitives.Norm<float>(found[0].Gradient), 0, tolerance);
        Assert.Equal(found[0].Success, found[1].Success);
    }

    [Fact]
    public void A_cancelled_search_ends()
    {
        using var search = Search(Example.Model(), Example.Clean(10));
        using var source = new CancellationTokenSource();
        source.Cancel();

        Assert.Throws<OperationCanceledException>(() => search.Search([0], cancellation: source.Token));
    }

    [Fact]
    public void Samples_of_the_class_alone_are_refused()
    {
        var clean = Example.Clean(50);
        using var search = Search(Example.Model(), clean.Subset([.. Enumerable.Range(0, 50).Where(i => clean.Labels[i] == 3)]));

        var refused = Assert.Throws<DataSetException>(() => search.Search([0, 3]));

        Assert.Contains("all samples are of class 3; give clean samples of other classes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_rounds_its_input_is_refused()
    {
        var refused = Assert.Throws<InvalidModelException>(() => Search(ModelVariants.WithRoundedInput(Example.Model()), Example.Clean(4)));

        Assert.Contains("no gradient passes from the logits to input", refused.Message, StringComparison.Ordinal);
    }

    private static SharedPerturbationSearch Search(OnnxModel model, LabeledSamples clean, int seed = 0) =>
        new(model, null, clean, TrainingEngine.OnnxRuntime, Device.Cpu, 1, seed);

    private static SharedPerturbationSearch OfVectors(int seed)
    {
        var (graph, model) = GradientCheck.Network(18, g => [g.Op("MatMul", [g.Add(Batch(12)), g.Add(Param(12, 4))])]);
        return Search(model, new LabeledSamples(graph.Samples(20), [graph.InputSize], [.. Enumerable.Range(0, 20).Select(i => i % 3)]), seed);
    }

    private static PerturbationGradient Gradients(OnnxModel model, SampleRange range) => new(model, null, range, TrainingEngine.OnnxRuntime, Device.Cpu, 0);

    private static float[] Perturbed(LabeledSamples samples, float[] perturbation, SampleRange range)
    {
        var perturbed = (float[])samples.Values.Clone();
        for (var start = 0; start < perturbed.Length; start += samples.SampleLength) range.Apply(perturbed.AsSpan(start, samples.SampleLength), perturbation);
        return perturbed;
    }
}
