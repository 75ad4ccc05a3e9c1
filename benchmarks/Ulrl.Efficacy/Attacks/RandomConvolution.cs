namespace Ulrl.Efficacy.Attacks;

/// <summary>A convolution with fixed random filters behind a hyperbolic tangent; zeros stand around the image.</summary>
internal sealed class RandomConvolution
{
    private readonly ImageShape shape;
    private readonly int filters;
    private readonly int kernel;
    private readonly float[] weights;

    /// <param name="shape">Shape of what it reads.</param>
    /// <param name="filters">Channels of what it writes.</param>
    /// <param name="kernel">Height and width of a filter, odd.</param>
    /// <param name="gain">Deviation of a filter's answer to independent inputs of deviation 1.</param>
    /// <param name="random">Draws the filters.</param>
    public RandomConvolution(ImageShape shape, int filters, int kernel, float gain, Random random)
    {
        this.shape = shape;
        this.filters = filters;
        this.kernel = kernel;
        var taps = shape.Channels * kernel * kernel;
        weights = [.. Enumerable.Range(0, filters * taps).Select(_ => (float)(Normal.Next(random) * gain / Math.Sqrt(taps)))];
    }

    /// <summary>Applies it; the result has as many channels as there are filters.</summary>
    public float[] Apply(ReadOnlySpan<float> image)
    {
        var output = shape with { Channels = filters };
        var result = new float[output.Length];
        for (var f = 0; f < filters; f++)
        {
            for (var y = 0; y < shape.Height; y++)
            {
                for (var x = 0; x < shape.Width; x++) result[output.Index(f, y, x)] = MathF.Tanh(Answer(image, f, y, x));
            }
        }

        return result;
    }

    private float Answer(ReadOnlySpan<float> image, int filter, int y, int x)
    {
        var sum = 0f;
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var j = 0; j < kernel; j++)
            {
                var row = y + j - (kernel / 2);
                if ((uint)row >= (uint)shape.Height) continue;
                for (var i = 0; i < kernel; i++)
                {
                    var column = x + i - (kernel / 2);
                    if ((uint)column >= (uint)shape.Width) continue;
                    sum += weights[(((((filter * shape.Channels) + c) * kernel) + j) * kernel) + i] * image[shape.Index(c, row, column)];
                }
            }
        }

        return sum;
    }
}
