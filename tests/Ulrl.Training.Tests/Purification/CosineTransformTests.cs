using System.Numerics.Tensors;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

public sealed class CosineTransformTests
{
    [Theory]
    [InlineData(32, 32)]
    [InlineData(9, 20)]
    public void Images_of_few_pixels_come_back_whole(int height, int width)
    {
        var transform = new CosineTransform(height, width);
        var images = Values(2 * height * width);
        var coefficients = new float[2 * transform.Count];
        var back = new float[images.Length];

        transform.Forward(images, coefficients);
        transform.Inverse(coefficients, back);

        Assert.Equal(height * width, transform.Count);
        Assert.Equal(TensorPrimitives.Norm<float>(images), TensorPrimitives.Norm<float>(coefficients), 1e-3f);
        Assert.InRange(TensorPrimitives.Distance<float>(images, back), 0f, 1e-3f);
    }

    [Fact]
    public void Coefficients_are_those_of_the_cosine_transform()
    {
        var transform = new CosineTransform(8, 10);
        var images = Values(80);
        var coefficients = new float[80];

        transform.Forward(images, coefficients);

        // scipy.fft.dctn(x, norm="ortho")
        var expected = 0.0;
        for (var y = 0; y < 8; y++)
        {
            for (var x = 0; x < 10; x++) expected += images[(y * 10) + x] * Math.Cos(Math.PI * (y + 0.5) * 3 / 8) * Math.Cos(Math.PI * (x + 0.5) * 2 / 10);
        }

        Assert.Equal(expected * Math.Sqrt(2 / 8.0) * Math.Sqrt(2 / 10.0), coefficients[(3 * 10) + 2], 1e-5);
        Assert.Equal(images.Sum() / Math.Sqrt(80), coefficients[0], 1e-5);
    }

    [Fact]
    public void Of_large_images_the_lowest_frequencies_are_kept()
    {
        var transform = new CosineTransform(40, 48);
        var coefficients = Values(transform.Count);
        var images = new float[40 * 48];
        var back = new float[coefficients.Length];

        transform.Inverse(coefficients, images);
        transform.Forward(images, back);

        Assert.Equal((32, 32), (transform.Rows, transform.Columns));
        Assert.InRange(TensorPrimitives.Distance<float>(coefficients, back), 0f, 1e-3f);
    }

    private static float[] Values(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
    }
}
