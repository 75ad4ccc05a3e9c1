using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

/// <summary>Resizing beside Pillow's (tests/peers/make_images.py).</summary>
public sealed class BilinearResizeTests
{
    [Theory]
    [InlineData(32, 32)]
    [InlineData(64, 20)]
    [InlineData(9, 80)]
    [InlineData(47, 11)]
    [InlineData(100, 29)]
    [InlineData(1, 1)]
    public void Colours_are_those_of_Pillow(int width, int height)
    {
        var resized = BilinearResize.Apply(Image("image"), width, height);
        Assert.Equal((width, height), (resized.Width, resized.Height));
        Assert.Equal(Image($"{width}x{height}").Values, resized.Values);
    }

    [Fact]
    public void Greys_are_those_of_Pillow() => Assert.Equal(Image("gray32x32").Values, BilinearResize.Apply(Image("gray"), 32, 32).Values);

    [Fact]
    public void An_image_of_the_size_wanted_stays()
    {
        var image = Image("image");
        Assert.Same(image, BilinearResize.Apply(image, image.Width, image.Height));
    }

    private static ImagePixels Image(string name)
    {
        using var file = NpzFile.Open(TestFiles.TestData("data", "resized.npz"));
        var array = file.Read(name);
        return new ImagePixels(array.Shape[1], array.Shape[0], array.Shape.ElementAtOrDefault(2) == 3 ? 3 : 1, (byte[])array.Values);
    }
}
