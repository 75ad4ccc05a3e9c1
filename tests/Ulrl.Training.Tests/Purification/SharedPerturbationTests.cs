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
        return search.Search(PerturbationKind.Sparse, [.. Enumerable.Range(0, 10).Select(PerturbationGoal.To)]);
    });

    [Fact]
    public void Sparse_perturbations_reach_the_target_of_the_backdoor_alone()
    {
        var reach = Found.Value.Select(path => path.Reach).ToArray();

        Assert.InRange(reach[0], 0.9, 1);
        Assert.All(reach.Skip(1), other => Assert.InRange(other, 0, reach[0] - 0.3));
    }

    [Fact]
    public void Where_one_class_is_far_ahead_it_and_the_next_are_followed_to_the_end()
    {
        var ends = Found.Value.Select(path => path.Success.Count).ToArray();

        Assert.Equal(8, ends[0]);
        Assert.Equal(2, ends.Count(levels => levels == 8));
        Assert.Equal(8, ends.Count(levels => levels == 4));
        Assert.InRange(Found.Value[0].Success[3], Found.Value.Skip(1).Max(path => path.Success[3]) + 0.4, 1);
        var least = Found.Value.Where(path => path.Success.Count == 8).Min(path => path.Success[3]);
        Assert.All(Found.Value.Where(path => path.Success.Count == 4), path => Assert.InRange(path.Success[3], 0, least));
    }

    [Fact]
    public void Snapshots_have_few_pixels_and_change_no_sample_by_more_than_its_range()
    {
        var clean = Example.Clean();
        int Kept(SharedPerturbationPath path) => path.Success.Count == 4 ? 2 : 3 + path.Success.Skip(5).Take(2).Count(s => s >= 0.25);
        Assert.Equal(5, Kept(Found.Value[0]));
        Assert.All(Found.Value, path => Assert.Equal(new[] { 512, 128, 40, 24, 16 }.Take(Kept(path)), path.Snapshots.Select(s => s.Size)));
        foreach (var snapshot in Found.Value.SelectMany(path => path.Snapshots))
        {
            Assert.InRange(Enumerable.Range(0, 1024).Count(p => Enumerable.Range(0, 3).Any(c => snapshot.Values[(c * 1024) + p] != 0)), 1, snapshot.Size);
            for (var c = 0; c < 3; c++)
            {
                var channel = Enumerable.Range(0, clean.Count).SelectMany(i => clean.Sample(i).Slice(c * 1024, 1024).ToArray()).ToArray();
                var width = channel.Max() - channel.Min();
                Assert.InRange(TensorPrimitives.MaxMagnitude<float>(snapshot.Values.AsSpan(c * 1024, 1024)), -width, width);
            }
        }
    }

    [Fact]
    public void A_perturbation_leads_that_takes_half_of_the_samples_of_other_classes_along()
    {
        var clean = Example.Clean();
        using var search = Search(Example.Model(), clean);
        using var evaluator = new Evaluator(Example.Model());
        var found = Found.Value[0].Snapshots[^1];
        var led = new List<bool>();

        foreach (var strength in new[] { 0f, 0.2f, 0.3f, 0.4f, 0.5f, 1f })
        {
            var weaker = found with { Values = [.. found.Values.Select(v => strength * v)] };
            var shown = new LabeledSamples(Perturbed(clean, weaker.Values, search.Range), clean.SampleShape, clean.Labels, target: 0);
            led.Add(search.Leads(0, weaker));
            Assert.Equal(evaluator.EvaluateTriggered(shown).AttackSuccessRate >= 0.5, led[^1]);
        }

        Assert.False(led[0]);
        Assert.True(led[^1]);
    }

    [Fact]
    public void A_search_repeats_itself_to_the_bit_in_any_order_of_the_classes()
    {
        using var search = Search(Example.Model(), Example.Clean());

        var repeated = search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(3), PerturbationGoal.To(0)]);

        foreach (var (path, first) in repeated.Zip([Found.Value[3], Found.Value[0]]))
        {
            Assert.Equal(first.Goal, path.Goal);
            Assert.Equal(first.Success, path.Success.Take(first.Success.Count));
            Assert.Equal(first.Snapshots.SelectMany(s => s.Values), path.Snapshots.Take(first.Snapshots.Count).SelectMany(s => s.Values));
        }
    }

    [Fact]
    public void Samples_that_are_no_images_are_searched_too_and_radii_grow_with_their_spread()
    {
        using var search = OfVectors(seed: 0);
        using var seeded = OfVectors(seed: 1);

        var snapshots = search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(1)])[0].Snapshots;

        Assert.Equal([6, 2, 1, 1, 1], snapshots.Select(s => s.Size));
        Assert.All(snapshots, s => Assert.InRange(s.Values.Count(v => v != 0), 1, s.Size));
        var largest = 5 * Math.Pow(20 / 5.0, 1 / 7.0) * search.Range.Deviation * Math.Sqrt(12 / 3072.0);
        Assert.InRange(TensorPrimitives.Norm<float>(snapshots[0].Values), 0.5 * largest, largest + 1e-5);
        Assert.NotEqual(snapshots[0].Values, seeded.Search(PerturbationKind.Sparse, [PerturbationGoal.To(1)])[0].Snapshots[0].Values);
    }

    [Fact]
    public void Every_step_is_reported()
    {
        var reported = new List<(int Done, int Of)>();
        using var search = OfVectors(seed: 0);

        search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(2), PerturbationGoal.To(0)], progress: (done, of) => reported.Add((done, of)));

        Assert.Equal(Enumerable.Range(1, reported.Count), reported.Select(r => r.Done));
        Assert.Equal(72, reported[0].Of);
        Assert.Equal(reported.Count, reported[^1].Of);
        Assert.Equal(reported.Select(r => r.Of).Order(), reported.Select(r => r.Of));
    }

    [Fact]
    public void Too_many_classes_are_refused()
    {
        using var search = OfVectors(seed: 0);

        Assert.Throws<ArgumentOutOfRangeException>(() => search.Search(PerturbationKind.Sparse, [.. Enumerable.Range(0, 21).Select(PerturbationGoal.To)]));
    }

    [Fact]
    public void The_gradient_is_the_slope_of_the_loss_toward_the_class()
    {
        var clean = Example.Clean(16);
        var perturbation = Enumerable.Range(0, clean.SampleLength).Select(i => 0.05f * MathF.Sin(i)).ToArray();
        // No sample is clipped: at its bounds the gradient is meant to pass, unlike the slope.
        var range = new SampleRange(new LabeledSamples([.. clean.Values.Select(v => 3 * v)], clean.SampleShape, clean.Labels));
        using var gradients = Gradients(Example.Model(), range);

        var (gradient, success) = gradients.Compute(clean.Values, Toward(2, clean), Sparse(perturbation));

        // Along the gradient itself the slope is its norm.
        var norm = TensorPrimitives.Norm<float>(gradient);
        double Loss(double step) => Answer([.. perturbation.Zip(gradient, (p, g) => (float)(p + (step * g / norm)))]).Loss;
        GradientResult Answer(float[] added) => GradientCalculator.Compute(
            Example.Model(), Perturbed(clean, added, range), clean.SampleShape, [.. Enumerable.Repeat(2, clean.Count)], NetworkMode.Evaluate);
        Assert.Equal(norm, (Loss(0.01) - Loss(-0.01)) / 0.02, 0.01 * norm);
        Assert.Equal(Answer(perturbation).Logits.Chunk(10).Count(row => TensorPrimitives.IndexOfMax<float>(row) == 2) / 16.0, success);
    }

    [Fact]
    public void The_gradient_by_a_field_is_the_slope_of_the_loss_along_it()
    {
        var clean = Example.Clean(64);
        var range = new SampleRange(clean);
        using var gradients = Gradients(Example.Model(), range);
        var zero = Warp(new float[2 * 1024]);

        var (gradient, success) = gradients.Compute(clean.Values, Toward(2, clean), zero);

        // Along its own lowest frequencies, by a twentieth of a pixel.
        var transform = new CosineTransform(32, 32);
        var coefficients = new float[gradient.Length];
        transform.Forward(gradient, coefficients);
        for (var i = 0; i < coefficients.Length; i++)
        {
            if (i % 32 > 5 || i / 32 % 32 > 5) coefficients[i] = 0;
        }

        var direction = new float[gradient.Length];
        transform.Inverse(coefficients, direction);
        TensorPrimitives.Multiply(direction, 0.05f * 32 / TensorPrimitives.Norm<float>(direction), direction);

        // Interpolation blurs an image to either side alike, which the difference of both does not see.
        var slope = Answer(direction).Loss - Answer([.. direction.Select(d => -d)]).Loss;
        Assert.Equal(slope, 2 * TensorPrimitives.Dot<float>(gradient, direction), 0.1 * Math.Abs(slope));
        Assert.Equal(Answer(zero.Values).Logits.Chunk(10).Count(row => TensorPrimitives.IndexOfMax<float>(row) == 2) / 64.0, success);

        GradientResult Answer(float[] values)
        {
            var warped = (float[])clean.Values.Clone();
            for (var start = 0; start < warped.Length; start += clean.SampleLength) Warp(values).Apply(warped.AsSpan(start, clean.SampleLength), range);
            return GradientCalculator.Compute(Example.Model(), warped, clean.SampleShape, [.. Enumerable.Repeat(2, clean.Count)], NetworkMode.Evaluate);
        }
    }

    [Fact]
    public void Smooth_perturbations_have_few_frequencies_and_the_length_of_their_level()
    {
        using var search = Search(Example.Model(), Example.Clean());
        var transform = new CosineTransform(32, 32);
        var coefficients = new float[3 * 1024];

        var path = search.Search(PerturbationKind.Smooth, [PerturbationGoal.To(4)])[0];

        Assert.Equal([1024, 512, 256, 128, 64, 40, 24, 16, 16], path.Snapshots.Select(s => s.Size));
        Assert.Equal(12, path.Success.Count);
        Assert.Equal([.. path.Success.Take(8), path.Success[^1]], path.Snapshots.Select(s => s.Success));
        for (var level = 0; level < 9; level++)
        {
            var values = path.Snapshots[level].Values;
            transform.Forward(values, coefficients);
            var frequencies = Enumerable.Range(0, 1024).Count(f => Enumerable.Range(0, 3).Any(c => MathF.Abs(coefficients[(c * 1024) + f]) > 1e-4f));
            Assert.InRange(frequencies, 1, path.Snapshots[level].Size);
            var radius = 6 * Math.Pow(20 / 6.0, Math.Min(level / 7.0, 1)) * search.Range.Deviation;
            Assert.InRange(TensorPrimitives.Norm<float>(values), 0.8 * radius, radius * 1.0001);
        }
    }

    [Fact]
    public void A_smooth_search_finds_the_target_of_a_smooth_trigger_and_a_sparse_one_does_not()
    {
        var picture = Enumerable.Range(0, 3 * 1024).Select(i => MathF.Sin(0.35f * (i % 32)) * MathF.Cos(0.25f * (i / 32 % 32))).ToArray();
        using var search = Search(ModelVariants.WithPictureTrigger(Example.Model(), picture, target: 7), Example.Clean());

        PerturbationGoal[] goals = [.. new[] { 7, 1, 2, 3, 4, 5, 6, 8, 9 }.Select(PerturbationGoal.To)];
        var smooth = search.Search(PerturbationKind.Smooth, goals);
        var sparse = search.Search(PerturbationKind.Sparse, goals);

        Assert.InRange(smooth[0].Reach, smooth.Skip(1).Max(p => p.Reach) + 0.3, 1);
        Assert.InRange(sparse[0].Reach, 0, sparse.Skip(1).Max(p => p.Reach) + 0.2);
        var found = smooth[0].Snapshots[^1].Values;
        Assert.InRange(TensorPrimitives.CosineSimilarity<float>(found, picture), 0.5f, 1f);
    }

    [Fact]
    public void What_leads_from_every_class_to_the_next_is_found_where_there_is_a_trigger_and_given_up_where_there_is_none()
    {
        var patch = Enumerable.Range(0, 3 * 1024).Select(i => i % 32 < 5 && i / 32 % 32 < 5 ? 1f : 0f).ToArray();
        using var search = Search(ModelVariants.WithTriggerToTheNextClass(Example.Model(), patch), Example.Clean());
        using var without = Search(Example.Model(), Example.Clean());
        var steps = new List<(int Done, int Of)>();

        var path = search.Search(PerturbationKind.Sparse, [PerturbationGoal.Next], progress: (done, of) => steps.Add((done, of)))[0];
        var none = without.Search(PerturbationKind.Sparse, [PerturbationGoal.Next])[0];

        Assert.Equal(PerturbationGoal.Next, path.Goal);
        Assert.InRange(path.Reach, 0.4, 1);
        Assert.Equal((8, 4), (path.Success.Count, none.Success.Count));
        Assert.InRange(none.Reach, 0, 0.1);
        Assert.Equal([.. Enumerable.Range(1, 12).Select(done => (done, 12)), .. Enumerable.Range(13, 24).Select(done => (done, 36))], steps);
    }

    [Fact]
    public void Smooth_perturbations_are_followed_toward_all_classes_and_refined_toward_four()
    {
        using var search = Search(Example.Model(), Example.Clean(200));

        var levels = search.Search(PerturbationKind.Smooth, [.. Enumerable.Range(0, 5).Select(PerturbationGoal.To)]).Select(p => p.Success.Count);

        Assert.Equal([8, 12, 12, 12, 12], levels.Order());
    }

    [Fact]
    public void Noise_leads_where_it_is_taken_for_the_trigger_and_nowhere_else()
    {
        using var search = Search(ModelVariants.WithNoiseTrigger(Example.Model(), 4), Example.Clean());
        using var without = Search(Example.Model(), Example.Clean());
        using var again = Search(Example.Model(), Example.Clean());
        PerturbationGoal[] goals = [.. Enumerable.Range(0, 10).Select(PerturbationGoal.To), PerturbationGoal.Next];
        var steps = new List<(int Done, int Of)>();

        var found = search.Search(PerturbationKind.Noise, goals, progress: (done, of) => steps.Add((done, of)));
        var none = without.Search(PerturbationKind.Noise, goals);

        Assert.Equal(goals, found.Select(p => p.Goal));
        Assert.InRange(found[4].Reach, 0.9, 1);
        Assert.All(found.Where(p => p.Goal.Class != 4), p => Assert.InRange(p.Reach, 0, p.Goal.Class is null ? 0.2 : 0.1));
        Assert.All(none, p => Assert.InRange(p.Reach, 0, 0.5));
        Assert.Equal([(1, 3), (2, 3), (3, 3)], steps);
        var lengths = found[4].Snapshots.Select(p => TensorPrimitives.Norm<float>(p.Values) / search.Range.LengthScale).ToArray();
        Assert.Equal([11, 11, 11, 11, 16, 16, 16, 16, 22, 22, 22, 22], lengths.Select(length => Math.Round(length, 3)));
        Assert.Equal(none[0].Snapshots.SelectMany(p => p.Values), again.Search(PerturbationKind.Noise, [PerturbationGoal.To(7)])[0].Snapshots.SelectMany(p => p.Values));
    }

    [Fact]
    public void The_first_draw_follows_the_foremost_classes_to_the_end_and_further_draws_all()
    {
        var (model, clean) = VectorClassifier.Create(classes: 6, samplesPerClass: 12);
        using var search = new SharedPerturbationSearch(model, null, 6, clean, new Evaluator(model, threads: 1), TrainingEngine.OnnxRuntime, Device.Cpu, 1, 0);

        PerturbationGoal[] goals = [.. Enumerable.Range(0, 6).Select(PerturbationGoal.To)];

        var first = search.Search(PerturbationKind.Sparse, goals);
        var further = search.Search(PerturbationKind.Sparse, goals, draw: 1);
        var foremost = SharedPerturbationSearch.Foremost([.. first, .. further], PerturbationKind.Sparse);

        Assert.Equal([4, 4, 8, 8, 8, 8], first.Select(p => p.Success.Count).Order());
        Assert.Equal(first.Select(p => p.Success.Count == 8), first.Select(p => p.IsComplete));
        Assert.InRange(first.Where(p => !p.IsComplete).Max(p => p.Success[3]), 0, first.Where(p => p.IsComplete).Min(p => p.Success[3]));
        Assert.All(further, p => Assert.Equal((8, true), (p.Success.Count, p.IsComplete)));
        Assert.NotEqual(first[0].Snapshots[0].Values, further[0].Snapshots[0].Values);
        Assert.Equal(3, foremost.Distinct().Count());
        Assert.Contains(first.Concat(further).Where(p => p.IsComplete).MaxBy(p => p.Reach)!.Goal, foremost);
        Assert.Empty(SharedPerturbationSearch.Foremost(further, PerturbationKind.Smooth));
    }

    [Fact]
    public void What_leads_few_samples_at_few_positions_is_followed_no_further_among_several_classes()
    {
        var clean = Example.Clean();
        using var search = Search(Example.Model(), clean);

        // No class leads, the target being left out.
        var found = search.Search(PerturbationKind.Sparse, [.. Enumerable.Range(1, 5).Select(PerturbationGoal.To)], draw: 1);
        var hopeless = found.Where(p => p.Success[5] < 0.25).ToArray();
        var alone = search.Search(PerturbationKind.Sparse, [hopeless[0].Goal], draw: 1)[0];

        Assert.All(found, p => Assert.True(p.IsComplete));
        Assert.All(hopeless, p => Assert.Equal((3, p.Success[5], p.Success[5]), (p.Snapshots.Count, p.Success[6], p.Success[7])));
        Assert.All(found.Where(p => p.Success[5] >= 0.25), p => Assert.InRange(p.Snapshots.Count, 4, 5));
        Assert.Equal((5, 8), (alone.Snapshots.Count, alone.Success.Count));
        Assert.Equal(hopeless[0].Success.Take(6), alone.Success.Take(6));
    }

    [Fact]
    public void Long_perturbations_lead_further()
    {
        using var search = Search(Example.Model(), Example.Clean());

        var usual = search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(4)])[0];
        var path = search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(4)], isLong: true)[0];

        Assert.InRange(path.Success[3], usual.Success[3] + 0.05, 1);
        Assert.InRange(TensorPrimitives.Norm<float>(path.Snapshots[0].Values) / search.Range.LengthScale, 12, 24);
    }

    [Fact]
    public void Warps_are_smooth_fields_of_the_length_of_their_level()
    {
        using var search = Search(Example.Model(), Example.Clean());

        var path = search.Search(PerturbationKind.Warp, [PerturbationGoal.To(2)])[0];

        Assert.Equal(4, path.Success.Count);
        Assert.Equal(path.Success.Skip(1).Average(), path.Reach, 1e-12);
        for (var level = 0; level < 4; level++)
        {
            var field = path.Snapshots[level].Values;
            Assert.Equal(2 * 1024, field.Length);
            var way = TensorPrimitives.Norm<float>(field) / 32;
            var most = 0.6 * Math.Pow(1.5 / 0.6, level / 3.0);
            Assert.InRange(way, 0.5 * most, most * 1.0001);
            var steps = Enumerable.Range(0, 2047).Where(i => i % 32 < 31).Max(i => MathF.Abs(field[i + 1] - field[i]));
            Assert.InRange(steps, 0f, 1.5f * way);
        }
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
            return gradients.Compute(clean.Values, Toward(1, clean), Sparse(perturbation));
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

        Assert.Throws<OperationCanceledException>(() => search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(0)], cancellation: source.Token));
    }

    [Fact]
    public void Samples_of_the_class_alone_are_refused()
    {
        var clean = Example.Clean(50);
        using var search = Search(Example.Model(), clean.Subset([.. Enumerable.Range(0, 50).Where(i => clean.Labels[i] == 3)]));

        var refused = Assert.Throws<DataSetException>(() => search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(0), PerturbationGoal.To(3)]));

        Assert.Contains("all samples are of class 3; give clean samples of other classes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_rounds_its_input_is_refused()
    {
        var refused = Assert.Throws<InvalidModelException>(() => Search(ModelVariants.WithRoundedInput(Example.Model()), Example.Clean(4)));

        Assert.Contains("no gradient passes from the logits to input", refused.Message, StringComparison.Ordinal);
    }

    private static SharedPerturbationSearch Search(OnnxModel model, LabeledSamples clean, int seed = 0) =>
        new(model, null, 10, clean, new Evaluator(model, threads: 1), TrainingEngine.OnnxRuntime, Device.Cpu, 1, seed);

    private static SharedPerturbationSearch OfVectors(int seed)
    {
        var (graph, model) = GradientCheck.Network(18, g => [g.Op("MatMul", [g.Add(Batch(12)), g.Add(Param(12, 4))])]);
        return Search(model, new LabeledSamples(graph.Samples(20), [graph.InputSize], [.. Enumerable.Range(0, 20).Select(i => i % 3)]), seed);
    }

    private static PerturbationGradient Gradients(OnnxModel model, SampleRange range) => new(model, null, range, TrainingEngine.OnnxRuntime, Device.Cpu, 0);

    private static long[] Toward(int target, LabeledSamples samples) => [.. Enumerable.Repeat((long)target, samples.Count)];

    private static SharedPerturbation Sparse(float[] values) => new(PerturbationKind.Sparse, values, 0, 0);

    private static SharedPerturbation Warp(float[] field) => new(PerturbationKind.Warp, field, 0, 0);

    private static float[] Perturbed(LabeledSamples samples, float[] perturbation, SampleRange range)
    {
        var perturbed = (float[])samples.Values.Clone();
        for (var start = 0; start < perturbed.Length; start += samples.SampleLength) range.Apply(perturbed.AsSpan(start, samples.SampleLength), perturbation);
        return perturbed;
    }
}
