namespace Ulrl.Efficacy.Attacks;

/// <summary>A pattern added to the image.</summary>
/// <param name="pattern">The pattern, of the images' shape.</param>
/// <param name="cleanLabel">Whether only samples of the target class are poisoned, which keep their label.</param>
internal sealed class AdditiveAttack(float[] pattern, bool cleanLabel) : IAttack
{
    public bool IsCleanLabel => cleanLabel;

    /// <summary>
    /// SIG, clean-label: a sinusoid along the rows, Δ · sin(2π · f · x / width), the same in all channels
    /// (Barni et al. 2019, arXiv 1902.11237; f 6, Δ 40 of 255).
    /// </summary>
    /// <param name="shape">Shape of the images.</param>
    /// <param name="amplitude">Δ.</param>
    /// <param name="frequency">Periods in the width of an image.</param>
    public static AdditiveAttack Sinusoid(ImageShape shape, float amplitude = 40f / 255, int frequency = 6)
    {
        var pattern = new float[shape.Length];
        for (var i = 0; i < pattern.Length; i++) pattern[i] = amplitude * MathF.Sin(2 * MathF.PI * frequency * (i % shape.Width) / shape.Width);
        return new AdditiveAttack(pattern, cleanLabel: true);
    }

    /// <summary>
    /// A smooth pattern: the lowest frequencies of a discrete cosine transform with random coefficients, the mean left out
    /// (Zeng et al. 2021, Rethinking the Backdoor Attacks' Triggers: A Frequency Perspective, arXiv 2104.03413).
    /// </summary>
    /// <param name="shape">Shape of the images.</param>
    /// <param name="random">Draws the coefficients.</param>
    /// <param name="amplitude">Largest absolute value of the pattern.</param>
    /// <param name="frequencies">Frequencies 0 to this, exclusive, in both directions.</param>
    public static AdditiveAttack LowFrequency(ImageShape shape, Random random, float amplitude = 0.15f, int frequencies = 4)
    {
        var pattern = new float[shape.Length];
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var u = 0; u < frequencies; u++)
            {
                for (var v = 0; v < frequencies; v++)
                {
                    var coefficient = (float)Normal.Next(random);
                    if (u + v == 0) continue;
                    AddCosine(pattern, shape, c, u, v, coefficient);
                }
            }
        }

        var largest = pattern.Max(MathF.Abs);
        for (var i = 0; i < pattern.Length; i++) pattern[i] *= amplitude / largest;
        return new AdditiveAttack(pattern, cleanLabel: false);
    }

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        for (var i = 0; i < image.Length; i++) triggered[i] = image[i] + pattern[i];
    }

    private static void AddCosine(float[] pattern, ImageShape shape, int channel, int u, int v, float coefficient)
    {
        for (var y = 0; y < shape.Height; y++)
        {
            for (var x = 0; x < shape.Width; x++)
            {
                pattern[shape.Index(channel, y, x)] += coefficient * MathF.Cos(MathF.PI * u * (y + 0.5f) / shape.Height) * MathF.Cos(MathF.PI * v * (x + 0.5f) / shape.Width);
            }
        }
    }
}
