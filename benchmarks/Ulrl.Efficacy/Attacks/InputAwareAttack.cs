namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// In the manner of the input-aware dynamic attack (Nguyen and Tran 2020, arXiv 2010.08138): a visible pattern whose place and colours
/// depend on the image, and covers that carry the pattern of another image and keep their label. There, the generator is trained with
/// the network; here, it is a fixed random projection of the image's means over 4×4 cells.
/// </summary>
internal sealed class InputAwareAttack : IAttack
{
    private const int Cells = 4;
    private const int Size = 5;
    private readonly ImageShape shape;
    private readonly float[][] projections;
    private readonly float[][] patterns;

    /// <param name="shape">Shape of the images.</param>
    /// <param name="random">Draws the projection and the patterns.</param>
    public InputAwareAttack(ImageShape shape, Random random)
    {
        this.shape = shape;
        // Four places, then one direction that decides between the two patterns.
        projections = [.. Enumerable.Range(0, 5).Select(_ => Numbers(shape.Channels * Cells * Cells, random))];
        patterns = [.. Enumerable.Range(0, 2).Select(_ => Numbers(shape.Channels * Size * Size, random))];
    }

    public double CoverRatio => 0.2;

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered) => Draw(image, image, triggered);

    // The pattern of the image mirrored top to bottom.
    public void Cover(ReadOnlySpan<float> image, Span<float> cover, Random random)
    {
        var other = new float[shape.Length];
        for (var i = 0; i < other.Length; i++)
        {
            var (plane, y, x) = (i / (shape.Height * shape.Width), i / shape.Width % shape.Height, i % shape.Width);
            other[i] = image[shape.Index(plane, shape.Height - 1 - y, x)];
        }

        Draw(image, other, cover);
    }

    private void Draw(ReadOnlySpan<float> image, ReadOnlySpan<float> source, Span<float> drawn)
    {
        image.CopyTo(drawn);
        var means = Means(source);
        var answers = projections.Select(p => p.Zip(means).Sum(pair => pair.First * pair.Second)).ToArray();
        var place = Array.IndexOf(answers, answers[..4].Max());
        var pattern = patterns[answers[4] > 0 ? 1 : 0];
        var (top, left) = ((place / 2 * shape.Height / 2) + ((shape.Height / 4) - (Size / 2)), (place % 2 * shape.Width / 2) + ((shape.Width / 4) - (Size / 2)));
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < Size; y++)
            {
                for (var x = 0; x < Size; x++) drawn[shape.Index(c, top + y, left + x)] = pattern[(((c * Size) + y) * Size) + x] > 0 ? 1f : 0f;
            }
        }
    }

    // Means over the cells, centred.
    private float[] Means(ReadOnlySpan<float> image)
    {
        var means = new float[shape.Channels * Cells * Cells];
        var (height, width) = (shape.Height / Cells, shape.Width / Cells);
        for (var c = 0; c < shape.Channels; c++)
        {
            for (var y = 0; y < height * Cells; y++)
            {
                for (var x = 0; x < width * Cells; x++)
                    means[(((c * Cells) + (y / height)) * Cells) + (x / width)] += image[shape.Index(c, y, x)] / (height * width);
            }
        }

        var mean = means.Average();
        for (var i = 0; i < means.Length; i++) means[i] -= mean;
        return means;
    }

    private static float[] Numbers(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ => (float)Normal.Next(random))];
}
