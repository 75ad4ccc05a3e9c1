using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>
/// One perturbation for all samples, a universal adversarial perturbation (Moosavi-Dezfooli et al., arXiv 1610.08401) toward a goal.
/// </summary>
/// <param name="Kind">What it does.</param>
/// <param name="Values">
/// What is added to a sample as the model reads it, of the sample's length; of a warp the field, [2, height, width], from how many pixels to the right and
/// below a pixel takes its value.
/// </param>
/// <param name="Size">
/// Of a sparse one most positions at which it is not zero (a position of an image is a pixel with all its channels); of others most frequencies.
/// </param>
/// <param name="Success">Share of a batch that the model sent to the goal before the last step of the search that gave it.</param>
internal sealed record SharedPerturbation(PerturbationKind Kind, float[] Values, int Size, double Success)
{
    /// <summary>Perturbs a sample in place.</summary>
    /// <param name="sample">The sample, as the model reads it.</param>
    /// <param name="range">Shape of the sample, and what it is clipped to.</param>
    /// <param name="scale">Strength; 1, the default, for all of it.</param>
    public void Apply(Span<float> sample, SampleRange range, float scale = 1f)
    {
        if (Kind == PerturbationKind.Warp) ImageWarp.Apply(sample, range.SampleShape, Values, scale);
        else range.Apply(sample, Values, scale);
    }

    /// <summary>Perturbs all samples in place.</summary>
    /// <param name="samples">The samples, as the model reads them.</param>
    /// <param name="range">What they are clipped to.</param>
    public void ApplyToAll(LabeledSamples samples, SampleRange range)
    {
        for (var start = 0; start < samples.Values.Length; start += samples.SampleLength) Apply(samples.Values.AsSpan(start, samples.SampleLength), range);
    }
}
