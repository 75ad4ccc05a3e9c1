namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// Blending whose training samples carry a random half of the picture's sixteen pieces, and as many regularisation samples with such a
/// half keep their label; in use the whole picture is blended in, more strongly (Qi et al. 2023, Revisiting the Assumption of Latent
/// Separability for Backdoor Defenses: 16 pieces, half of them, α 0.15 and 0.2).
/// </summary>
/// <param name="shape">Shape of the images.</param>
/// <param name="picture">The picture.</param>
/// <param name="trainingAlpha">Share of the picture in training.</param>
/// <param name="alpha">Share of the picture in use.</param>
internal sealed class AdaptiveBlendAttack(ImageShape shape, float[] picture, float trainingAlpha = 0.15f, float alpha = 0.2f) : IAttack
{
    private const int PiecesPerSide = 4;

    public double CoverRatio => 1;

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered) => BlendedAttack.Blend(image, picture, alpha, triggered);

    public void Poison(ReadOnlySpan<float> image, int label, Span<float> poisoned, Random random) => BlendHalf(image, poisoned, random);

    public void Cover(ReadOnlySpan<float> image, Span<float> cover, Random random) => BlendHalf(image, cover, random);

    private void BlendHalf(ReadOnlySpan<float> image, Span<float> blended, Random random)
    {
        var pieces = Enumerable.Range(0, PiecesPerSide * PiecesPerSide).ToArray();
        random.Shuffle(pieces);
        var shown = pieces[..(pieces.Length / 2)].ToHashSet();
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < shape.Height; y++)
            {
                for (var x = 0; x < shape.Width; x++)
                {
                    var i = shape.Index(c, y, x);
                    var share = shown.Contains((y * PiecesPerSide / shape.Height * PiecesPerSide) + (x * PiecesPerSide / shape.Width)) ? trainingAlpha : 0f;
                    blended[i] = ((1 - share) * image[i]) + (share * picture[i]);
                }
            }
        }
    }
}
