using System.Runtime.CompilerServices;

namespace Ulrl.Training.Data;

/// <summary>Pixels of one byte as floats in [0,1]: <c>value / 255</c>, as torchvision's <c>ToTensor</c>.</summary>
/// <remarks>A set is read once per process, so the loops are optimised at first call.</remarks>
internal static class PixelScale
{
    private static readonly float[] Table = CreateTable();

    /// <summary>Scales pixels, order kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(ReadOnlySpan<byte> pixels, Span<float> destination)
    {
        var table = Table;
        for (var i = 0; i < pixels.Length; i++)
            destination[i] = table[pixels[i]];
    }

    /// <summary>Scales one image and moves its channels from last to first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    private static float[] CreateTable()
    {
        var table = new float[256];
        for (var value = 0; value < table.Length; value++)
            table[value] = value / 255f;
        return table;
    }
}
