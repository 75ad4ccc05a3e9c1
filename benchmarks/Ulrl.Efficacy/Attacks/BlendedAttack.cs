namespace Ulrl.Efficacy.Attacks;

/// <summary>A picture blended into the whole image (Chen et al., arXiv 1712.05526).</summary>
/// <param name="picture">The picture, of the images' shape.</param>
/// <param name="alpha">Share of the picture.</param>
internal sealed class BlendedAttack(float[] picture, float alpha) : IAttack
{
    public void Apply(ReadOnlySpan<float> image, Span<float> triggered) => Blend(image, picture, alpha, triggered);

    /// <summary>(1 − α) · image + α · picture.</summary>
    internal static void Blend(ReadOnlySpan<float> image, ReadOnlySpan<float> picture, float alpha, Span<float> blended)
    {
        for (var i = 0; i < image.Length; i++) blended[i] = ((1 - alpha) * image[i]) + (alpha * picture[i]);
    }
}
