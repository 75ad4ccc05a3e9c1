namespace Ulrl.Training.Data;

/// <summary>
/// Pillow's <c>Image.resize(size, BILINEAR)</c>, which torchvision's <c>Resize</c> calls on images: a triangle filter as
/// wide as the reduction, across and then down, in fixed point of 22 bits with rounding to bytes in between. Same bytes.
/// </summary>
internal static class BilinearResize
{
    private const int PrecisionBits = 32 - 8 - 2;

    /// <summary>Resizes an image; one of the size wanted is returned as it is.</summary>
    public static ImagePixels Apply(ImagePixels image, int width, int height)
    {
        var current = image;
        if (width != image.Width)
            current = Across(current, Taps.Of(image.Width, width));
        return height == image.Height ? current : Down(current, Taps.Of(image.Height, height));
    }

    private static ImagePixels Across(ImagePixels image, Taps[] taps)
    {
        var channels = image.Channels;
        var values = new byte[image.Height * taps.Length * channels];
        for (var y = 0; y < image.Height; y++)
        {
            var row = image.Values.AsSpan(y * image.Width * channels, image.Width * channels);
            for (var x = 0; x < taps.Length; x++)
            {
                for (var c = 0; c < channels; c++)
                    values[(((y * taps.Length) + x) * channels) + c] = taps[x].Sum(row[((taps[x].First * channels) + c)..], channels);
            }
        }

        return new ImagePixels(taps.Length, image.Height, channels, values);
    }

    private static ImagePixels Down(ImagePixels image, Taps[] taps)
    {
        var stride = image.Width * image.Channels;
        var values = new byte[taps.Length * stride];
        for (var y = 0; y < taps.Length; y++)
        {
            for (var i = 0; i < stride; i++)
                values[(y * stride) + i] = taps[y].Sum(image.Values.AsSpan((taps[y].First * stride) + i), stride);
        }

        return new ImagePixels(image.Width, taps.Length, image.Channels, values);
    }

    /// <summary>The weights of the source pixels that make one pixel.</summary>
    private sealed record Taps(int First, int[] Weights)
    {
        public static Taps[] Of(int from, int to)
        {
            var scale = (double)from / to;
            var support = Math.Max(scale, 1);
            var taps = new Taps[to];
            for (var i = 0; i < to; i++)
            {
                var center = (i + 0.5) * scale;
                var first = Math.Max((int)(center - support + 0.5), 0);
                var end = Math.Min((int)(center + support + 0.5), from);
                var weights = new double[end - first];
                for (var k = 0; k < weights.Length; k++)
                    weights[k] = Math.Max(1 - Math.Abs((k + first - center + 0.5) * (1 / support)), 0);
                var sum = weights.Sum();
                taps[i] = new Taps(first, Array.ConvertAll(weights, w => (int)(0.5 + (w / sum * (1 << PrecisionBits)))));
            }

            return taps;
        }

        public byte Sum(ReadOnlySpan<byte> source, int stride)
        {
            var sum = 1 << (PrecisionBits - 1);
            for (var k = 0; k < Weights.Length; k++)
                sum += source[k * stride] * Weights[k];
            return (byte)Math.Clamp(sum >> PrecisionBits, 0, byte.MaxValue);
        }
    }
}
