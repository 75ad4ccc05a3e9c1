namespace Ulrl.Training.Data;

/// <summary>
/// Random crop after padding and random horizontal flip of normalised images: torchvision's
/// <c>RandomCrop(H×W, padding)</c> and <c>RandomHorizontalFlip</c>, which run before normalising,
/// carried over to tensors that are normalised already by padding with the value of a black pixel.
/// Every sample draws three random numbers whatever the settings, so a run is reproducible from its generator.
/// </summary>
public sealed class Augmentation
{
    private readonly float[] paddingValues;
    private readonly int height;
    private readonly int width;
    private readonly int padding;
    private readonly double flipProbability;

    /// <summary>Prepares augmentation of images of one shape.</summary>
    /// <param name="sampleShape">Shape of one image: channels, height, width.</param>
    /// <param name="normalization">Normalisation the images carry; null where black is 0.</param>
    /// <param name="padding">Pixels added on each side before cropping back; 0 for no crop, default 4 as published.</param>
    /// <param name="flipProbability">Chance that an image is mirrored left to right, default one half.</param>
    /// <exception cref="DataSetException">The shape is not that of an image, or the normalisation is for another number of channels.</exception>
    public Augmentation(
        ReadOnlySpan<int> sampleShape, ChannelNormalization? normalization, int padding = 4, double flipProbability = 0.5)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(padding, ushort.MaxValue);
        if (!(flipProbability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(flipProbability), flipProbability, "a probability lies between 0 and 1");
        if (sampleShape.Length != 3)
            throw new DataSetException($"samples shaped [{string.Join(", ", sampleShape.ToArray())}] cannot be cropped or flipped; augmentation needs channels, height, width, so switch it off");
        height = sampleShape[1];
        width = sampleShape[2];
        this.padding = padding;
        this.flipProbability = flipProbability;
        paddingValues = normalization?.PaddingValues(sampleShape[0]) ?? new float[sampleShape[0]];
    }

    /// <summary>Writes one augmented copy of a sample; allocates nothing.</summary>
    /// <param name="sample">The sample: channels · height · width values.</param>
    /// <param name="destination">Where the copy goes, as long as the sample; must not overlap it.</param>
    /// <param name="random">Generator of the crop offsets and the flip.</param>
    public void Fill(ReadOnlySpan<float> sample, Span<float> destination, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var down = random.Next((2 * padding) + 1) - padding;
        var right = random.Next((2 * padding) + 1) - padding;
        var flip = random.NextDouble() < flipProbability;
        Shift(sample, destination, down, right, flip);
    }

    /// <summary>The image seen through a window moved down and right, then mirrored where asked.</summary>
    internal void Shift(ReadOnlySpan<float> sample, Span<float> destination, int down, int right, bool flip)
    {
        var length = paddingValues.Length * height * width;
        if (sample.Length != length || destination.Length != length)
            throw new ArgumentException($"sample and destination must hold {length} values", nameof(sample));
        var first = Math.Clamp(-right, 0, width);
        var last = Math.Clamp(width - right, 0, width);
        for (var c = 0; c < paddingValues.Length; c++)
        {
            for (var y = 0; y < height; y++)
            {
                var row = destination.Slice(((c * height) + y) * width, width);
                var sourceY = y + down;
                if ((uint)sourceY >= (uint)height || first >= last)
                {
                    row.Fill(paddingValues[c]);
                    continue;
                }

                row[..first].Fill(paddingValues[c]);
                sample.Slice((((c * height) + sourceY) * width) + first + right, last - first).CopyTo(row[first..]);
                row[last..].Fill(paddingValues[c]);
                if (flip)
                    row.Reverse();
            }
        }
    }
}
