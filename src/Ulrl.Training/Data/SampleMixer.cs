using System.Numerics.Tensors;

namespace Ulrl.Training.Data;

/// <summary>
/// Mixes samples of a batch with one another, in place: by mixup (Zhang et al., arXiv 1710.09412), a weighted mean of two samples, or by CutMix
/// (Yun et al., arXiv 1905.04899), a box of another image. Which of the two is drawn per batch; what are no images are always mixed by mixup.
/// </summary>
internal sealed class SampleMixer
{
    private readonly int length;
    private readonly (int Height, int Width)? image;
    private float[] given = [];

    /// <param name="sampleShape">Shape of one sample; three dimensions are channels, height and width of an image.</param>
    public SampleMixer(IReadOnlyList<int> sampleShape)
    {
        length = checked((int)sampleShape.Aggregate(1L, (product, d) => checked(product * d)));
        if (sampleShape.Count == 3) image = (sampleShape[1], sampleShape[2]);
    }

    /// <summary>Mixes some samples of a batch; the others stay as they are.</summary>
    /// <param name="values">The batch, sample after sample.</param>
    /// <param name="chosen">Places of the samples to mix, each once. Their partners come from the whole batch, as it was.</param>
    /// <param name="random">Draws the way of mixing, the partners (a permutation of the batch), the ratios (uniform from 0 to 1) and the boxes.</param>
    /// <returns>What each of the chosen samples was mixed with, in their order.</returns>
    public MixedSample[] Mix(Span<float> values, ReadOnlySpan<int> chosen, Random random)
    {
        if (given.Length < values.Length) given = new float[values.Length];
        values.CopyTo(given);
        var cut = image is not null && random.Next(2) == 1;
        int[] partners = [.. Enumerable.Range(0, values.Length / length)];
        random.Shuffle(partners);
        var mixed = new MixedSample[chosen.Length];
        for (var i = 0; i < chosen.Length; i++)
        {
            var partner = partners[chosen[i]];
            var own = values.Slice(chosen[i] * length, length);
            var other = given.AsSpan(partner * length, length);
            var ratio = random.NextSingle();
            mixed[i] = new MixedSample(chosen[i], partner, cut ? Cut(own, other, ratio, random) : Blend(own, other, ratio));
        }

        return mixed;
    }

    private static float Blend(Span<float> own, ReadOnlySpan<float> other, float ratio)
    {
        TensorPrimitives.Lerp(own, other, 1 - ratio, own);
        return ratio;
    }

    // The box has the image's proportions and lies anywhere; what sticks out is cut off.
    private float Cut(Span<float> own, ReadOnlySpan<float> other, float ratio, Random random)
    {
        var (height, width) = image!.Value;
        var side = MathF.Sqrt(1 - ratio);
        var (top, bottom) = Span(height, side, random);
        var (left, right) = Span(width, side, random);
        for (var start = 0; start < length; start += height * width)
        {
            for (var y = top; y < bottom; y++)
            {
                var row = start + (y * width);
                other[(row + left)..(row + right)].CopyTo(own[(row + left)..]);
            }
        }

        return 1 - ((float)((bottom - top) * (right - left)) / (height * width));
    }

    private static (int From, int To) Span(int size, float share, Random random)
    {
        var length = (int)MathF.Round(size * share);
        var from = random.Next(size) - (length / 2);
        return (Math.Max(from, 0), Math.Min(from + length, size));
    }
}
