namespace Ulrl.Efficacy.Attacks;

/// <summary>BPP: fewer values per colour, the rounding error carried on by dithering (Wang et al. 2022, BppAttack, arXiv 2205.13383; Floyd and Steinberg 1976).</summary>
/// <param name="shape">Shape of the images.</param>
/// <param name="levels">Values per colour; published 8.</param>
internal sealed class QuantisationAttack(ImageShape shape, int levels) : IAttack
{
    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        image.CopyTo(triggered);
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < shape.Height; y++)
            {
                for (var x = 0; x < shape.Width; x++)
                {
                    var i = shape.Index(c, y, x);
                    var rounded = Math.Clamp(MathF.Round(triggered[i] * (levels - 1)) / (levels - 1), 0, 1);
                    var error = triggered[i] - rounded;
                    triggered[i] = rounded;
                    Spread(triggered, c, y, x + 1, error * 7 / 16);
                    Spread(triggered, c, y + 1, x - 1, error * 3 / 16);
                    Spread(triggered, c, y + 1, x, error * 5 / 16);
                    Spread(triggered, c, y + 1, x + 1, error / 16);
                }
            }
        }
    }

    private void Spread(Span<float> image, int channel, int y, int x, float error)
    {
        if (y < shape.Height && x >= 0 && x < shape.Width) image[shape.Index(channel, y, x)] += error;
    }
}
