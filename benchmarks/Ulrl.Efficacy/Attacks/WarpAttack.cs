namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// WaNet: the image is warped by a smooth field, sampled bilinearly (Nguyen and Tran 2021, arXiv 2102.10369). The field is a grid of
/// random displacements with mean absolute value 1, scaled up by cubic convolution; covers are warped by it and by further noise.
/// </summary>
internal sealed class WarpAttack : IAttack
{
    private readonly ImageShape shape;
    private readonly float[] fieldY;
    private readonly float[] fieldX;

    /// <param name="shape">Shape of the images.</param>
    /// <param name="random">Draws the field.</param>
    /// <param name="strength">Mean displacement in half pixels; published 0.5, which takes hundreds of epochs to learn.</param>
    /// <param name="gridSize">Height and width of the grid; published 4.</param>
    /// <param name="coverRatio">Covers per poisoned sample; published 2.</param>
    public WarpAttack(ImageShape shape, Random random, float strength, int gridSize = 4, double coverRatio = 2)
    {
        this.shape = shape;
        CoverRatio = coverRatio;
        var grid = new float[2][];
        for (var d = 0; d < 2; d++) grid[d] = [.. Enumerable.Range(0, gridSize * gridSize).Select(_ => (random.NextSingle() * 2) - 1)];
        var mean = grid.SelectMany(g => g).Average(MathF.Abs);
        fieldY = Enlarge(grid[0], gridSize, 0.5f * strength / mean);
        fieldX = Enlarge(grid[1], gridSize, 0.5f * strength / mean);
    }

    public double CoverRatio { get; }

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered) => Warp(image, triggered, 0, null);

    // Noise of at most one half pixel, as published.
    public void Cover(ReadOnlySpan<float> image, Span<float> cover, Random random) => Warp(image, cover, 0.5f, random);

    private void Warp(ReadOnlySpan<float> image, Span<float> warped, float noise, Random? random)
    {
        for (var y = 0; y < shape.Height; y++)
        {
            for (var x = 0; x < shape.Width; x++)
            {
                var i = (y * shape.Width) + x;
                var sourceY = y + fieldY[i] + Noise();
                var sourceX = x + fieldX[i] + Noise();
                for (var c = 0; c < shape.Channels; c++) warped[shape.Index(c, y, x)] = Bilinear(image, c, sourceY, sourceX);
            }
        }

        float Noise() => random is null ? 0f : ((random.NextSingle() * 2) - 1) * noise;
    }

    private float Bilinear(ReadOnlySpan<float> image, int channel, float y, float x)
    {
        y = Math.Clamp(y, 0, shape.Height - 1);
        x = Math.Clamp(x, 0, shape.Width - 1);
        var (top, left) = ((int)y, (int)x);
        var (bottom, right) = (Math.Min(top + 1, shape.Height - 1), Math.Min(left + 1, shape.Width - 1));
        var (down, across) = (y - top, x - left);
        var upper = ((1 - across) * image[shape.Index(channel, top, left)]) + (across * image[shape.Index(channel, top, right)]);
        var lower = ((1 - across) * image[shape.Index(channel, bottom, left)]) + (across * image[shape.Index(channel, bottom, right)]);
        return ((1 - down) * upper) + (down * lower);
    }

    private float[] Enlarge(float[] grid, int size, float scale)
    {
        var field = new float[shape.Height * shape.Width];
        for (var y = 0; y < shape.Height; y++)
        {
            for (var x = 0; x < shape.Width; x++)
            {
                var (gridY, gridX) = (y * (size - 1f) / (shape.Height - 1), x * (size - 1f) / (shape.Width - 1));
                var sum = 0f;
                for (var j = -1; j <= 2; j++)
                {
                    for (var i = -1; i <= 2; i++)
                    {
                        var (row, column) = ((int)gridY + j, (int)gridX + i);
                        var value = grid[(Math.Clamp(row, 0, size - 1) * size) + Math.Clamp(column, 0, size - 1)];
                        sum += value * Cubic(gridY - row) * Cubic(gridX - column);
                    }
                }

                field[(y * shape.Width) + x] = sum * scale;
            }
        }

        return field;
    }

    // Keys 1981 with a = −0.75, as torch.nn.functional.interpolate(mode="bicubic").
    private static float Cubic(float distance)
    {
        const float a = -0.75f;
        var d = MathF.Abs(distance);
        return d <= 1 ? ((((a + 2) * d) - (a + 3)) * d * d) + 1
            : d < 2 ? (((((d - 5) * d) + 8) * d) - 4) * a
            : 0;
    }
}
