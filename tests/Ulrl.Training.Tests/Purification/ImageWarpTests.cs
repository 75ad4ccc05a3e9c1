using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

public sealed class ImageWarpTests
{
    private const int Height = 3;
    private const int Width = 4;
    private static readonly int[] Shape = [2, Height, Width];

    [Fact]
    public void A_field_of_zeros_changes_nothing()
    {
        Assert.Equal(Image(), Warped((_, _) => (0, 0), 1f));
        Assert.Equal(Image(), Warped((_, _) => (2, 1), 0f));
    }

    [Fact]
    public void Whole_pixels_move_the_image_and_repeat_the_border()
    {
        var warped = Warped((_, _) => (1, -1), 1f);

        for (var i = 0; i < warped.Length; i++)
        {
            var (channel, y, x) = (i / (Height * Width), i / Width % Height, i % Width);
            Assert.Equal(At(channel, Math.Max(y - 1, 0), Math.Min(x + 1, Width - 1)), warped[i]);
        }
    }

    [Fact]
    public void Between_pixels_values_are_interpolated_along_both_axes()
    {
        // torch.nn.functional.grid_sample(mode="bilinear", padding_mode="border", align_corners=True)
        var warped = Warped((x, y) => (x, y) == (1, 0) ? (0.5f, 1.5f) : (0, 0), 0.5f);

        var expected = (0.75f * ((0.25f * At(1, 0, 1)) + (0.75f * At(1, 1, 1)))) + (0.25f * ((0.25f * At(1, 0, 2)) + (0.75f * At(1, 1, 2))));
        Assert.Equal(expected, warped[(Height * Width) + 1], 1e-5f);
        Assert.Equal(At(1, 0, 0), warped[Height * Width]);
    }

    [Fact]
    public void Fields_that_point_far_outside_end_at_the_border()
    {
        Assert.All(Warped((_, _) => (1e30f, -1e30f), 1f).Take(Height * Width), v => Assert.Equal(At(0, 0, Width - 1), v));
    }

    private static float At(int channel, int y, int x) => (channel * 100) + (y * y * 10) + (x * x);

    private static float[] Image() =>
        [.. Enumerable.Range(0, 2 * Height * Width).Select(i => At(i / (Height * Width), i / Width % Height, i % Width))];

    private static float[] Warped(Func<int, int, (float Right, float Down)> field, float scale)
    {
        var image = Image();
        var places = Enumerable.Range(0, Height * Width).Select(i => field(i % Width, i / Width)).ToArray();
        ImageWarp.Apply(image, Shape, [.. places.Select(p => p.Right), .. places.Select(p => p.Down)], scale);
        return image;
    }
}
