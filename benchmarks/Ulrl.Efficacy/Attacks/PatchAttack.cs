namespace Ulrl.Efficacy.Attacks;

/// <summary>Pixels that replace those of the image.</summary>
/// <param name="patch">Values, of the images' shape.</param>
/// <param name="inside">Which of them replace the image's.</param>
internal sealed class PatchAttack(float[] patch, bool[] inside) : IAttack
{
    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        for (var i = 0; i < image.Length; i++) triggered[i] = inside[i] ? patch[i] : image[i];
    }
}
