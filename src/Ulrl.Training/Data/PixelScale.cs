namespace Ulrl.Training.Data;

/// <summary>Pixels of one byte as floats in [0,1]: <c>value / 255</c>, as torchvision's <c>ToTensor</c>.</summary>
internal static class PixelScale
{
    private static readonly float[] Table = [.. Enumerable.Range(0, 256).Select(value => value / 255f)];

    /// <summary>Scales pixels, order kept.</summary>
    public static void Scale(ReadOnlySpan<byte> pixels, Span<float> destination)
    {
        for (var i = 0; i < pixels.Length; i++)
            destination[i] = Table[pixels[i]];
    }

    /// <summary>Scales one image and moves its channels from last to first.</summary>
    public static void ScaleToChannelsFirst(ReadOnlySpan<byte> image, Span<float> destination, int channels)
    {
        var table = Table;
        var plane = image.Length / channels;
        for (var c = 0; c < channels; c++)
        {
            var target = destination.Slice(c * plane, plane);
            for (int i = 0, source = c; i < target.Length; i++, source += channels)
                target[i] = table[image[source]];
        }
    }
}
