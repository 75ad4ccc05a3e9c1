using System.Buffers;

namespace Ulrl.Training.Purification;

/// <summary>Moves the pixels of an image, as <c>torch.nn.functional.grid_sample</c> does: bilinear, the border repeated.</summary>
internal static class ImageWarp
{
    /// <summary>Warps an image in place: every pixel takes the value that lies where the field points from it.</summary>
    /// <param name="image">The image, [channels, height, width].</param>
    /// <param name="shape">These dimensions.</param>
    /// <param name="field">Pixels to the right, then pixels down, [2, height, width].</param>
    /// <param name="scale">Factor of the field.</param>
    public static void Apply(Span<float> image, IReadOnlyList<int> shape, ReadOnlySpan<float> field, float scale)
    {
        var (height, width) = (shape[1], shape[2]);
        var plane = height * width;
        var buffer = ArrayPool<float>.Shared.Rent(image.Length);
        var given = buffer.AsSpan(0, image.Length);
        image.CopyTo(given);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var at = (y * width) + x;
                var (left, right, across) = Between(x + (scale * field[at]), width);
                var (top, bottom, down) = Between(y + (scale * field[plane + at]), height);
                for (var start = 0; start < image.Length; start += plane)
                {
                    var above = float.Lerp(given[start + (top * width) + left], given[start + (top * width) + right], across);
                    var below = float.Lerp(given[start + (bottom * width) + left], given[start + (bottom * width) + right], across);
                    image[start + at] = float.Lerp(above, below, down);
                }
            }
        }

        ArrayPool<float>.Shared.Return(buffer);
    }

    // The two pixels around a place along one axis, and how far it is from the first.
    private static (int First, int Second, float Share) Between(float place, int size)
    {
        var clamped = Math.Clamp(place, 0f, size - 1);
        var first = (int)clamped;
        return (first, Math.Min(first + 1, size - 1), clamped - first);
    }
}
