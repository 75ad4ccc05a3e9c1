using System.Numerics.Tensors;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>
/// The values that samples take: smallest and largest per channel of an image, over all values for other shapes. Perturbed samples are clipped to them.
/// </summary>
internal sealed class SampleRange
{
    private const int SmallestSide = 8;

    // Lengths of perturbations are given for samples of this length, CIFAR-10's, with a standard deviation of 1.
    private const int ReferenceLength = 3 * 32 * 32;

    private readonly int plane;
    private readonly float[] smallest;
    private readonly float[] largest;

    /// <summary>Looks at all samples.</summary>
    /// <param name="samples">The samples; a shape of three dimensions is channels, height and width of an image.</param>
    public SampleRange(LabeledSamples samples)
    {
        SampleShape = samples.SampleShape;
        SampleLength = samples.SampleLength;
        var channels = SampleShape.Count == 3 ? SampleShape[0] : 1;
        plane = samples.SampleLength / channels;
        smallest = new float[channels];
        largest = new float[channels];
        Array.Fill(smallest, float.PositiveInfinity);
        Array.Fill(largest, float.NegativeInfinity);
        var means = new double[channels];
        ForEachPlane(samples, (values, channel) =>
        {
            smallest[channel] = Math.Min(smallest[channel], TensorPrimitives.Min(values));
            largest[channel] = Math.Max(largest[channel], TensorPrimitives.Max(values));
            foreach (var value in values) means[channel] += value;
        });
        TensorPrimitives.Divide(means, (double)samples.Count * plane, means);
        var squares = 0.0;
        ForEachPlane(samples, (values, channel) =>
        {
            foreach (var value in values) squares += (value - means[channel]) * (value - means[channel]);
        });
        Deviation = Math.Sqrt(squares / samples.Values.Length);
    }

    /// <summary>Dimensions of one sample.</summary>
    public IReadOnlyList<int> SampleShape { get; }

    /// <summary>Values of one sample.</summary>
    public int SampleLength { get; }

    /// <summary>Whether samples are images of a size that pictures and warps make sense for.</summary>
    public bool IsPicture => SampleShape.Count == 3 && SampleShape[1] >= SmallestSide && SampleShape[2] >= SmallestSide;

    /// <summary>Standard deviation of the values about the mean of their channel.</summary>
    public double Deviation { get; }

    /// <summary>Factor of the lengths of what is added: they grow with the spread and the length of the samples.</summary>
    public double LengthScale => Deviation * Math.Sqrt((double)SampleLength / ReferenceLength);

    /// <summary>Perturbs a sample in place and clips it: clip(x + scale·d).</summary>
    /// <param name="sample">The sample, as the model reads it.</param>
    /// <param name="perturbation">What is added, of the sample's length.</param>
    /// <param name="scale">Strength of the perturbation; 1, the default, for all of it.</param>
    public void Apply(Span<float> sample, ReadOnlySpan<float> perturbation, float scale = 1f)
    {
        TensorPrimitives.MultiplyAdd(perturbation, scale, sample, sample);
        for (var channel = 0; channel < smallest.Length; channel++)
        {
            var values = sample.Slice(channel * plane, plane);
            TensorPrimitives.Max(values, smallest[channel], values);
            TensorPrimitives.Min(values, largest[channel], values);
        }
    }

    /// <summary>Clips a perturbation to plus and minus the width of the range; more could change no sample.</summary>
    /// <param name="perturbation">The perturbation, changed in place.</param>
    public void Limit(Span<float> perturbation)
    {
        for (var channel = 0; channel < smallest.Length; channel++)
        {
            var width = largest[channel] - smallest[channel];
            var values = perturbation.Slice(channel * plane, plane);
            TensorPrimitives.Max(values, -width, values);
            TensorPrimitives.Min(values, width, values);
        }
    }

    private void ForEachPlane(LabeledSamples samples, Action<ReadOnlySpan<float>, int> action)
    {
        for (var start = 0; start < samples.Values.Length; start += plane)
        {
            action(samples.Values.AsSpan(start, plane), start / plane % smallest.Length);
        }
    }
}
