using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Attacks;

/// <summary>Poisons training samples and puts triggers on test samples. Images stay images: values are rounded to pixels of one byte.</summary>
internal static class Poisoner
{
    private const int ChoiceStream = 41;
    private const int SampleStream = 42;

    // A clean-label attack leaves the rest of its class clean, or nothing would tell the class from the trigger.
    private const double MostOfClass = 0.8;

    /// <summary>Poisons training samples.</summary>
    /// <param name="clean">Samples as stored, values from 0 to 1.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="attack">The attack.</param>
    /// <param name="plan">How many samples, and what they become.</param>
    /// <exception cref="UlrlException">The samples are normalised already, or the plan poisons none.</exception>
    public static PoisonedSamples Poison(LabeledSamples clean, int classes, IAttack attack, PoisonPlan plan)
    {
        CheckStored(clean);
        if (attack.IsCleanLabel && plan.Target is null) throw new UlrlException("a clean-label attack needs a target: it poisons samples of that class alone.");
        var values = (float[])clean.Values.Clone();
        var labels = (int[])clean.Labels.Clone();
        var (poisoned, covers) = Choose(clean, attack, plan);
        if (poisoned.Length == 0) throw new UlrlException(FormattableString.Invariant($"a rate of {plan.Rate} poisons none of {clean.Count} samples; raise it."));
        foreach (var i in poisoned)
        {
            attack.Poison(clean.Sample(i), clean.Labels[i], Of(values, clean, i), RandomStream.Create(plan.Seed, SampleStream, i));
            if (!attack.IsCleanLabel) labels[i] = plan.Goal(labels[i], classes);
        }

        foreach (var i in covers) attack.Cover(clean.Sample(i), Of(values, clean, i), RandomStream.Create(plan.Seed, SampleStream, i));
        foreach (var i in poisoned.Concat(covers)) ToPixels(Of(values, clean, i));
        return new PoisonedSamples(new LabeledSamples(values, clean.SampleShape, labels, source: $"{clean.Source}, poisoned"), poisoned, covers);
    }

    /// <summary>Test samples with the trigger and their true labels; samples of the target class are left out.</summary>
    /// <param name="test">Clean samples as stored, values from 0 to 1.</param>
    /// <param name="attack">The attack.</param>
    /// <param name="target">The class that the trigger leads to; null for all-to-all.</param>
    /// <param name="count">Most samples.</param>
    /// <exception cref="UlrlException">The samples are normalised already.</exception>
    public static LabeledSamples Trigger(LabeledSamples test, IAttack attack, int? target, int count)
    {
        CheckStored(test);
        var chosen = test.Subset([.. Enumerable.Range(0, test.Count).Where(i => test.Labels[i] != target).Take(count)]);
        var values = new float[chosen.Values.Length];
        for (var i = 0; i < chosen.Count; i++)
        {
            attack.Apply(chosen.Sample(i), Of(values, chosen, i));
            ToPixels(Of(values, chosen, i));
        }

        return new LabeledSamples(values, chosen.SampleShape, chosen.Labels, target, $"{test.Source}, triggered");
    }

    private static (int[] Poisoned, int[] Covers) Choose(LabeledSamples clean, IAttack attack, PoisonPlan plan)
    {
        bool Candidate(int i) => plan.Target is not { } target || (clean.Labels[i] == target) == attack.IsCleanLabel;
        var candidates = Enumerable.Range(0, clean.Count).Where(Candidate).ToArray();
        RandomStream.Create(plan.Seed, ChoiceStream, 0).Shuffle(candidates);
        var count = (int)Math.Round(plan.Rate * clean.Count);
        count = Math.Min(count, attack.IsCleanLabel ? (int)(MostOfClass * candidates.Length) : candidates.Length);
        var coverCount = Math.Min((int)Math.Round(count * attack.CoverRatio), candidates.Length - count);
        return ([.. candidates[..count].Order()], [.. candidates[count..(count + coverCount)].Order()]);
    }

    private static void CheckStored(LabeledSamples samples)
    {
        if (samples.Normalization is not null) throw new UlrlException($"{samples.Source}: the samples are normalised already; triggers are put on values from 0 to 1.");
    }

    private static Span<float> Of(float[] values, LabeledSamples samples, int index) => values.AsSpan(index * samples.SampleLength, samples.SampleLength);

    private static void ToPixels(Span<float> image)
    {
        for (var i = 0; i < image.Length; i++) image[i] = MathF.Round(Math.Clamp(image[i], 0f, 1f) * 255f) / 255f;
    }
}
