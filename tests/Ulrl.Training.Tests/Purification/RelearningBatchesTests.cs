using Ulrl.Training.Data;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

/// <summary>What relearning makes of its batches: five classes of vectors, perturbed at their first two positions, which are zero in clean samples.</summary>
public sealed class RelearningBatchesTests
{
    private const int Count = 200;
    private const int Length = 12;
    private const int Classes = 5;
    private const int BatchSize = 50;
    private const float Strength = 0.5f;

    private static readonly LabeledSamples Clean = Vectors();

    private static readonly RelearningPlan Plan = new()
    {
        Suspicious = [0, 1],
        Perturbations = [new PlannedPerturbation(PerturbationGoal.To(0), OneHot(0)), new PlannedPerturbation(PerturbationGoal.To(1), OneHot(1))],
        Range = new SampleRange(Clean),
        PerturbedShare = 0.4f,
        MixedShare = 0.3f,
        Epochs = int.MaxValue,
        PlainFrom = int.MaxValue,
    };

    [Fact]
    public void Samples_are_perturbed_and_mixed_at_their_shares()
    {
        var seen = Run(Plan, epochs: 40).SelectMany(batch => batch.Samples).ToArray();

        Assert.Equal(0.3, seen.Average(s => s.Label < 0 ? 1 : 0), 0.025);
        var others = seen.Where(s => s.Number % Classes > 1).ToArray();
        Assert.Equal(0.4, others.Average(s => s.IsPerturbed ? 1 : 0), 0.03);
        Assert.Equal(0.3, others.Average(s => s.Label >= 0 && !s.IsPerturbed ? 1 : 0), 0.03);
        // Half of what is drawn for a sample of a suspicious class leads to the class it has.
        Assert.Equal(0.2, seen.Where(s => s.Number % Classes <= 1).Average(s => s.IsPerturbed ? 1 : 0), 0.03);
    }

    [Fact]
    public void Perturbed_samples_keep_their_label_and_the_given_model_sees_them_clean()
    {
        var perturbed = Run(Plan, epochs: 20).SelectMany(batch => batch.Samples).Where(s => s.IsPerturbed).ToArray();

        Assert.NotEmpty(perturbed);
        Assert.All(perturbed, s => Assert.Equal(Clean.Labels[s.Number], s.Label));
        Assert.All(perturbed, s => Assert.Equal(Clean.Sample(s.Number).ToArray(), s.Given));
        Assert.All(perturbed, s => Assert.Equal(s.Given[2..], s.Values[2..]));
        var strengths = perturbed.Select(s => (s.Values[0] + s.Values[1]) / Strength).ToArray();
        Assert.InRange(strengths.Min(), 0.599, 0.65);
        Assert.InRange(strengths.Max(), 1.15, 1.201);
    }

    [Fact]
    public void A_perturbation_is_carried_as_often_as_its_weight_says()
    {
        var plan = Plan with { Perturbations = [new PlannedPerturbation(PerturbationGoal.To(0), OneHot(0), 0.3), new PlannedPerturbation(PerturbationGoal.To(1), OneHot(1), 0.1)] };

        var perturbed = Run(plan, epochs: 40).SelectMany(batch => batch.Samples).Where(s => s.IsPerturbed && s.Label > 1).ToArray();

        Assert.Equal(0.75, perturbed.Average(s => s.Values[0] != 0 ? 1 : 0), 0.03);
    }

    [Fact]
    public void No_sample_is_perturbed_toward_its_own_class()
    {
        var perturbed = Run(Plan, epochs: 20).SelectMany(batch => batch.Samples).Where(s => s.IsPerturbed).ToArray();

        Assert.All(perturbed, s => Assert.True(s.Values[0] == 0 ? s.Label != 1 && s.Values[1] > 0 : s.Label != 0 && s.Values[1] == 0));
        Assert.Equal([0L, 1, 2, 3, 4], perturbed.Select(s => s.Label).Distinct().Order());
    }

    [Fact]
    public void Mixed_samples_have_no_label_and_both_models_see_the_same()
    {
        var seen = Run(Plan, epochs: 20).SelectMany(batch => batch.Samples).ToArray();
        var mixed = seen.Where(s => s.Label < 0).ToArray();

        Assert.All(mixed, s => Assert.Equal(s.Given, s.Values));
        Assert.InRange(mixed.Count(s => !s.Values.AsSpan().SequenceEqual(Clean.Sample(s.Number))), 0.9 * mixed.Length, mixed.Length);
        Assert.All(seen.Where(s => s.Label >= 0 && !s.IsPerturbed), s => Assert.Equal(Clean.Sample(s.Number).ToArray(), s.Values));
    }

    [Fact]
    public void The_last_epochs_perturb_and_displace_nothing()
    {
        var plan = Plan with { DisplacedShare = 0.5f, LargestDisplacement = 0.4f, PlainFrom = 3 };
        var batches = Run(plan, epochs: 6);

        bool IsChanged(Batch batch) => batch.Displacement != 0 || batch.Samples.Any(s => s.IsPerturbed);
        Assert.Contains(batches.Where(b => b.Epoch < 3), b => b.Displacement != 0);
        Assert.Contains(batches.Where(b => b.Epoch < 3), b => b.Samples.Any(s => s.IsPerturbed));
        Assert.DoesNotContain(batches.Where(b => b.Epoch >= 3), IsChanged);
        Assert.Contains(batches.Where(b => b.Epoch >= 3), b => b.Samples.Any(s => s.Label < 0));
    }

    [Fact]
    public void Displacements_come_at_their_share_up_to_the_largest()
    {
        var batches = Run(Plan with { DisplacedShare = 0.3f, LargestDisplacement = 0.4f }, epochs: 250);
        var displaced = batches.Where(b => b.Displacement != 0).Select(b => b.Displacement).ToArray();

        Assert.Equal(0.3, (double)displaced.Length / batches.Count, 0.05);
        Assert.All(displaced, d => Assert.InRange(d, 0f, 0.4f));
        Assert.Equal(0.2, displaced.Average(), 0.03);
        Assert.True(displaced.Max() > 0.38f);
        Assert.All(Run(Plan with { LargestDisplacement = 0.4f }, epochs: 5), b => Assert.Equal(0f, b.Displacement));
    }

    [Fact]
    public void Samples_of_suspicious_classes_come_more_often_only_where_weights_are_displaced()
    {
        var plan = Plan with { MixedShare = 0, PerturbedShare = 0, Suspicious = [3], LargestDisplacement = 0.4f, RepeatedShare = 0.25f };
        double Share(RelearningPlan p) => Run(p, epochs: 40).SelectMany(b => b.Samples).Average(s => s.Label == 3 ? 1 : 0);

        Assert.Equal(0.2, Share(plan), 1e-9);
        Assert.Equal(0.25 + (0.75 * 0.2), Share(plan with { DisplacedShare = 0.3f }), 0.025);
    }

    [Fact]
    public void Suspicious_classes_without_a_sample_are_not_repeated()
    {
        var plan = Plan with { Suspicious = [7], DisplacedShare = 0.3f, LargestDisplacement = 0.4f, RepeatedShare = 0.25f, MixedShare = 0 };

        Assert.All(Run(plan, epochs: 2), b => Assert.All(b.Samples, s => Assert.Equal(Clean.Labels[s.Number], s.Label)));
    }

    [Fact]
    public void A_smooth_perturbation_takes_contrast_from_the_sample()
    {
        var smooth = OneHot(0) with { Kind = PerturbationKind.Smooth };
        var perturbed = Run(Plan with { Perturbations = [new PlannedPerturbation(PerturbationGoal.To(0), smooth)] }, epochs: 20).SelectMany(b => b.Samples).Where(s => s.IsPerturbed).ToArray();

        var contrasts = perturbed.Select(s => (s.Values[5] - s.Values[6]) / (s.Given[5] - s.Given[6])).ToArray();
        Assert.InRange(contrasts.Min(), 0.699, 0.72);
        Assert.InRange(contrasts.Max(), 0.98, 1.001);
        // The mean stays, but for the perturbation itself, which is at the first position.
        Assert.All(perturbed, s => Assert.InRange((s.Values.Sum() - s.Given.Sum()) / Strength, 0.599f, 1.201f));
    }

    [Fact]
    public void A_perturbation_from_every_class_to_the_next_means_something_to_all()
    {
        var seen = Run(Plan with { Perturbations = [new PlannedPerturbation(PerturbationGoal.Next, OneHot(0))], MixedShare = 0 }, epochs: 40).SelectMany(b => b.Samples);

        Assert.All(seen.GroupBy(s => s.Label), label => Assert.Equal(0.4, label.Average(s => s.IsPerturbed ? 1 : 0), 0.06));
    }

    [Fact]
    public void Nothing_is_perturbed_without_a_perturbation()
    {
        Assert.All(Run(Plan with { Perturbations = [] }, epochs: 3), b => Assert.DoesNotContain(b.Samples, s => s.IsPerturbed));
    }

    [Fact]
    public void The_same_seed_gives_the_same_batches_in_any_epoch()
    {
        var plan = Plan with { DisplacedShare = 0.3f, LargestDisplacement = 0.4f, RepeatedShare = 0.25f };
        string[] Texts(int seed, int first) => [.. Run(plan, epochs: 4, seed, first).Where(b => b.Epoch >= 2).Select(b => b.ToString())];

        Assert.Equal(Texts(seed: 1, first: 0), Texts(seed: 1, first: 0));
        Assert.Equal(Texts(seed: 1, first: 0), Texts(seed: 1, first: 2));
        Assert.NotEqual(Texts(seed: 1, first: 0), Texts(seed: 2, first: 0));
    }

    private static List<Batch> Run(RelearningPlan plan, int epochs, int seed = 1, int first = 0)
    {
        var batches = new RelearningBatches(Clean, new BatchLoader(Clean, null, BatchSize, seed, 12), plan, BatchSize, seed, 17);
        var sampler = BatchSampler.Shuffled(Count, BatchSize, seed);
        var found = new List<Batch>();
        for (var epoch = first; epoch < epochs; epoch++)
        {
            batches.StartEpoch(epoch);
            foreach (var numbers in sampler.Batches(epoch)) found.Add(Batch.Of(epoch, numbers.ToArray(), batches.Load(numbers.Span)));
        }

        return found;
    }

    private static LabeledSamples Vectors()
    {
        var random = new Random(3);
        var values = new float[Count * Length];
        for (var i = 0; i < values.Length; i++) values[i] = i % Length < 2 ? 0 : (random.NextSingle() * 2) - 1;
        return new LabeledSamples(values, [Length], [.. Enumerable.Range(0, Count).Select(i => i % Classes)]);
    }

    private static SharedPerturbation OneHot(int position)
    {
        var values = new float[Length];
        values[position] = Strength;
        return new SharedPerturbation(PerturbationKind.Sparse, values, 1, 1);
    }

    // A batch is good until the next one, so it is copied.
    private sealed record Batch(int Epoch, Sample[] Samples, float Displacement)
    {
        public static Batch Of(int epoch, int[] numbers, TrainingBatch batch) => new(
            epoch,
            [.. numbers.Select((n, i) => new Sample(n, batch.Labels.Span[i], Part(batch.Values, i), Part(batch.Given, i)))],
            batch.Displacement);

        public override string ToString() =>
            $"{Epoch} {Displacement:R} {string.Join(' ', Samples.Select(s => $"{s.Label} {string.Join(',', s.Values)} {string.Join(',', s.Given)}"))}";

        private static float[] Part(Memory<float> values, int i) => values.Slice(i * Length, Length).ToArray();
    }

    // Number: what the sampler asked for.
    private sealed record Sample(int Number, long Label, float[] Values, float[] Given)
    {
        public bool IsPerturbed => !Values.AsSpan().SequenceEqual(Given);
    }
}
