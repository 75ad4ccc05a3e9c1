namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// One axis of a convolution as a bilinear algorithm: y = Aᵀ((G·w) ∘ (B·x)), tile by tile (Toom-Cook interpolation;
/// Winograd 1980, Lavin and Gray, arXiv 1509.09308). A stride is split into phases, each a convolution at stride 1.
/// </summary>
internal sealed class BilinearAxis
{
    /// <summary>Most products per tile: interpolation at more points loses single precision.</summary>
    public const int MostFrequencies = 9;

    // Interpolation points by their number; infinity always comes last. The four of the large tile are those of the
    // smallest rounding error in a search over ±a, ±b: a relative 3e-6 instead of the 1e-5 of ±1, ±2.
    private static readonly double[][] Points = [[], [0], [0, 1], [0, 1, -1], [0, 1, -1, 2], [0, 0.7, -0.7, 1.4, -1.4]];

    private BilinearAxis(int frequencies, int tiles, float[] input, float[] output, double[,] kernel)
    {
        Frequencies = frequencies;
        Tiles = tiles;
        Input = input;
        Output = output;
        Kernel = kernel;
    }

    /// <summary>Products per tile.</summary>
    public int Frequencies { get; }

    public int Tiles { get; }

    public int Rows => Frequencies * Tiles;

    /// <summary>B over the whole axis, [frequencies × tiles, input size]; padding is left out of it.</summary>
    public float[] Input { get; }

    /// <summary>A over the whole axis, [frequencies × tiles, output size].</summary>
    public float[] Output { get; }

    /// <summary>G, [frequencies, kernel size].</summary>
    public double[,] Kernel { get; }

    /// <summary>The algorithm for an axis; null where the kernel and the tile take more points than are exact enough.</summary>
    /// <param name="input">Input size.</param>
    /// <param name="output">Output size.</param>
    /// <param name="kernel">Kernel size.</param>
    /// <param name="stride">Stride.</param>
    /// <param name="pad">Padding before the axis.</param>
    /// <param name="tile">Outputs per tile.</param>
    public static BilinearAxis? Find(int input, int output, int kernel, int stride, int pad, int tile)
    {
        var phases = Enumerable.Range(0, Math.Min(stride, kernel)).Select(p => Phase.Of(p, stride, kernel, tile)).ToArray();
        var frequencies = phases.Sum(p => p.Frequencies);
        if (frequencies > MostFrequencies || phases.Any(p => p.Frequencies > Points.Length)) return null;
        var tiles = (output + tile - 1) / tile;
        var b = new float[frequencies * tiles * input];
        var a = new float[frequencies * tiles * output];
        var g = new double[frequencies, kernel];
        var first = 0;
        foreach (var phase in phases)
        {
            for (var f = 0; f < phase.Frequencies; f++)
            {
                for (var tap = 0; tap < phase.Taps; tap++) g[first + f, phase.Offset + (tap * stride)] = phase.Kernel[f, tap];
                for (var t = 0; t < tiles; t++)
                {
                    var row = ((first + f) * tiles) + t;
                    for (var j = 0; j < phase.Frequencies; j++)
                    {
                        var at = (((t * tile) + j) * stride) + phase.Offset - pad;
                        if (at >= 0 && at < input) b[(row * input) + at] = (float)phase.Input[f, j];
                    }

                    for (var j = 0; j < tile && (t * tile) + j < output; j++) a[(row * output) + (t * tile) + j] = (float)phase.Output[f, j];
                }
            }

            first += phase.Frequencies;
        }

        return new BilinearAxis(frequencies, tiles, b, a, g);
    }

    /// <summary>Every stride-th tap of the kernel from an offset on: F(tile, taps) at stride 1.</summary>
    private sealed record Phase(int Offset, int Taps, int Frequencies, double[,] Input, double[,] Output, double[,] Kernel)
    {
        public static Phase Of(int offset, int stride, int kernel, int tile)
        {
            var taps = (kernel - offset + stride - 1) / stride;
            var n = tile + taps - 1;
            var (b, a, g) = (new double[n, n], new double[n, tile], new double[n, taps]);
            if (n > Points.Length) return new Phase(offset, taps, n, b, a, g);
            var points = Points[n - 1];
            for (var f = 0; f < n; f++)
            {
                var last = f == n - 1;
                var others = points.Where((_, k) => k != f).ToArray();
                var polynomial = Polynomial(others);
                for (var j = 0; j < polynomial.Length; j++) b[f, j] = polynomial[j];
                var scale = last ? 1 : others.Aggregate(1.0, (product, point) => product * (points[f] - point));
                for (var j = 0; j < tile; j++) a[f, j] = last ? (j == tile - 1 ? 1 : 0) : Math.Pow(points[f], j);
                for (var j = 0; j < taps; j++) g[f, j] = last ? (j == taps - 1 ? 1 : 0) : Math.Pow(points[f], j) / scale;
                Balance(b, g, f);
            }

            return new Phase(offset, taps, n, b, a, g);
        }

        // Coefficients of Π (x − root), constant term first.
        private static double[] Polynomial(double[] roots)
        {
            double[] c = [1];
            foreach (var root in roots)
            {
                var next = new double[c.Length + 1];
                for (var i = 0; i < c.Length; i++)
                {
                    next[i + 1] += c[i];
                    next[i] -= root * c[i];
                }

                c = next;
            }

            return c;
        }

        // Equal lengths of the rows of B and G keep the rounding of both sides alike.
        private static void Balance(double[,] b, double[,] g, int row)
        {
            var scale = Math.Sqrt(Length(g, row) / Length(b, row));
            for (var j = 0; j < b.GetLength(1); j++) b[row, j] *= scale;
            for (var j = 0; j < g.GetLength(1); j++) g[row, j] /= scale;
        }

        private static double Length(double[,] matrix, int row) =>
            Math.Sqrt(Enumerable.Range(0, matrix.GetLength(1)).Sum(j => matrix[row, j] * matrix[row, j]));
    }
}
