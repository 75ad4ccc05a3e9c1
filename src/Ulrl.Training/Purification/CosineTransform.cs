using System.Numerics.Tensors;

namespace Ulrl.Training.Purification;

/// <summary>The lowest frequencies of images by the orthonormal discrete cosine transform (DCT-II), plane by plane.</summary>
internal sealed class CosineTransform
{
    // Frequencies per axis; of a larger image the higher ones are left out.
    private const int MostFrequencies = 32;

    private readonly int height;
    private readonly int width;

    // [frequency, place] of either axis, and the second one transposed.
    private readonly float[] down;
    private readonly float[] across;
    private readonly float[] acrossTransposed;
    private readonly float[] half;

    /// <param name="height">Height of the images.</param>
    /// <param name="width">Their width.</param>
    public CosineTransform(int height, int width)
    {
        (this.height, this.width) = (height, width);
        (Rows, Columns) = (Math.Min(height, MostFrequencies), Math.Min(width, MostFrequencies));
        down = Basis(Rows, height);
        across = Basis(Columns, width);
        acrossTransposed = new float[across.Length];
        for (var f = 0; f < Columns; f++)
        {
            for (var x = 0; x < width; x++) acrossTransposed[(x * Columns) + f] = across[(f * width) + x];
        }

        half = new float[Math.Max(Rows * width, height * Columns)];
    }

    /// <summary>Frequencies from top to bottom.</summary>
    public int Rows { get; }

    /// <summary>Frequencies from left to right.</summary>
    public int Columns { get; }

    /// <summary>Frequencies of one plane.</summary>
    public int Count => Rows * Columns;

    /// <summary>Coefficients, [planes, <see cref="Rows"/>, <see cref="Columns"/>], of images.</summary>
    /// <param name="images">[planes, height, width].</param>
    /// <param name="coefficients">Receives them.</param>
    public void Forward(ReadOnlySpan<float> images, Span<float> coefficients)
    {
        for (var p = 0; p * Count < coefficients.Length; p++)
        {
            var image = images.Slice(p * height * width, height * width);
            var rows = half.AsSpan(0, Rows * width);
            rows.Clear();
            for (var f = 0; f < Rows; f++)
            {
                var row = rows.Slice(f * width, width);
                for (var y = 0; y < height; y++) TensorPrimitives.MultiplyAdd(image.Slice(y * width, width), down[(f * height) + y], row, row);
            }

            for (var f = 0; f < Rows; f++)
            {
                for (var g = 0; g < Columns; g++)
                    coefficients[(p * Count) + (f * Columns) + g] = TensorPrimitives.Dot(rows.Slice(f * width, width), across.AsSpan(g * width, width));
            }
        }
    }

    /// <summary>The images of some coefficients.</summary>
    /// <param name="coefficients">[planes, <see cref="Rows"/>, <see cref="Columns"/>].</param>
    /// <param name="images">Receives [planes, height, width].</param>
    public void Inverse(ReadOnlySpan<float> coefficients, Span<float> images)
    {
        for (var p = 0; p * Count < coefficients.Length; p++)
        {
            var columns = half.AsSpan(0, height * Columns);
            columns.Clear();
            for (var y = 0; y < height; y++)
            {
                var row = columns.Slice(y * Columns, Columns);
                for (var f = 0; f < Rows; f++) TensorPrimitives.MultiplyAdd(coefficients.Slice((p * Count) + (f * Columns), Columns), down[(f * height) + y], row, row);
            }

            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                    images[(p * height * width) + (y * width) + x] = TensorPrimitives.Dot(columns.Slice(y * Columns, Columns), acrossTransposed.AsSpan(x * Columns, Columns));
            }
        }
    }

    private static float[] Basis(int frequencies, int places)
    {
        var basis = new float[frequencies * places];
        for (var f = 0; f < frequencies; f++)
        {
            var length = Math.Sqrt((f == 0 ? 1.0 : 2.0) / places);
            for (var x = 0; x < places; x++) basis[(f * places) + x] = (float)(length * Math.Cos(Math.PI * (x + 0.5) * f / places));
        }

        return basis;
    }
}
