namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Pooling.</summary>
internal static class PoolingRules
{
    public static void Register(GradientRules rules)
    {
        rules.Add("MaxPool", MaxPool);
        rules.Add("AveragePool", AveragePool);
        rules.Add("GlobalAveragePool", g => g.ExpandTo(g.Dy / Positions(g), g[0]));
        rules.Add("GlobalMaxPool", GlobalMaxPool);
    }

    private static long[] Spatial(Dim[] shape) => [.. shape[2..].Select(d => d.Size)];

    private static float Positions(GradientContext g) => Spatial(g.Shape(0)).Aggregate(1L, (a, b) => a * b);

    // The pool says which element it took (the first of several); the gradient is added back there.
    private static Value MaxPool(GradientContext g)
    {
        if (g.Int("storage_order", 0) != 0) throw g.Refuse("storage_order = 1 is not supported");
        if (g.Outputs < 2) g.Node.Output.Add(g.B.Fresh("indices"));
        var indices = g.B.Op("Reshape", [g.B[g.Node.Output[1]], g.B.Ints(-1)]);
        var zeros = g.B.Op("ConstantOfShape", [g.B.Op("Reshape", [g.B.Op("Size", [g[0]]), g.B.Ints(1)])]);
        var flat = g.B.Op("ScatterElements", [zeros, indices, g.B.Op("Reshape", [g.Dy, g.B.Ints(-1)])], ("reduction", "add"));
        return g.ReshapeLike(flat, g[0]);
    }

    private static Value GlobalMaxPool(GradientContext g)
    {
        var axes = Enumerable.Range(2, g.Rank(0) - 2).Select(i => (long)i).ToArray();
        var chosen = g.Mask("Equal", g[0], g.Y);
        return chosen * (g.Dy / g.Sum(chosen, true, axes));
    }

    // Each output is divided by the number of elements it averaged, then spread over its window.
    private static Value AveragePool(GradientContext g)
    {
        var x = Spatial(g.Shape(0));
        var y = Spatial(g.OutputShape());
        var window = Window.Of(g.Node, null, x, y);
        var counts = Counts(window, x, y, g.Int("count_include_pad", 0) != 0);
        var share = g.Dy / g.B.Floats(counts, [1, 1, .. y]);
        var channels = g.Shape(0)[1].Size;
        var tiled = window.Kernel.AsSpan().SequenceEqual(window.Strides) && !window.IsPadded && Enumerable.Range(0, x.Length).All(i => y[i] * window.Strides[i] == x[i]);
        if (tiled) return Repeat(g, share, x, y);

        return window.IsUnitStride && window.Dilations.All(d => d == 1) ? Sliding(g, share, window, x, y) : Scattered(g, share, window, x, y);
    }

    // At stride 1 every input position sums the shares of a window of outputs: again a pool.
    private static Value Sliding(GradientContext g, Value share, Window window, long[] x, long[] y)
    {
        long[] begin = [.. window.Kernel.Select((k, i) => k - 1 - window.PadsBegin[i])];
        long[] end = [.. x.Select((size, i) => size - y[i] + window.PadsBegin[i])];
        var mean = g.B.Op("AveragePool", [share], ("kernel_shape", window.Kernel), ("pads", (long[])[.. begin, .. end]), ("count_include_pad", 1L));
        return mean * window.Taps;
    }

    // ceil_mode lets the last window reach past the padded input: what falls outside is cut, what no window covers is zero.
    private static Value Scattered(GradientContext g, Value share, Window window, long[] x, long[] y)
    {
        var cut = new long[x.Length];
        var missing = new long[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var reach = window.Reach(y, i) - window.PadsBegin[i] - x[i];
            cut[i] = Math.Max(0, reach);
            missing[i] = Math.Max(0, -reach);
        }

        var channels = g.Shape(0)[1].Size;
        var spread = g.B.Op(
            "ConvTranspose", [share, g.B.Filled(1f, [channels, 1, .. window.Kernel])], ("kernel_shape", window.Kernel), ("strides", window.Strides),
            ("dilations", window.Dilations), ("group", channels), ("pads", (long[])[.. window.PadsBegin, .. cut]));
        return missing.All(m => m == 0) ? spread : g.B.Op("Pad", [spread, g.B.Ints([.. new long[2 + x.Length], 0, 0, .. missing])]);
    }

    // Windows that tile the input: every share is repeated over its window.
    private static Value Repeat(GradientContext g, Value share, long[] x, long[] y)
    {
        var channels = g.Shape(0)[1].Size;
        var split = new List<long> { -1, channels };
        var spread = new List<long> { 1, channels };
        for (var i = 0; i < x.Length; i++)
        {
            split.AddRange([y[i], 1]);
            spread.AddRange([y[i], x[i] / y[i]]);
        }

        var cells = g.B.Op("Reshape", [share, g.B.Ints([.. split])]);
        return g.ReshapeLike(g.B.Op("Expand", [cells, g.B.Ints([.. spread])]), g[0]);
    }

    /// <summary>Elements that each output position averages, as ONNX and PyTorch count them.</summary>
    private static float[] Counts(Window window, long[] x, long[] y, bool includePad)
    {
        var counts = new float[y.Aggregate(1L, (a, b) => a * b)];
        for (var n = 0; n < counts.Length; n++)
        {
            var product = 1L;
            var rest = (long)n;
            for (var axis = y.Length - 1; axis >= 0; axis--)
            {
                var start = (rest % y[axis] * window.Strides[axis]) - window.PadsBegin[axis];
                rest /= y[axis];
                var inside = 0L;
                for (var k = 0L; k < window.Kernel[axis]; k++)
                {
                    var at = start + (k * window.Dilations[axis]);
                    var (low, high) = includePad ? (-window.PadsBegin[axis], x[axis] + window.PadsEnd[axis]) : (0, x[axis]);
                    if (at >= low && at < high) inside++;
                }

                product *= inside;
            }

            counts[n] = Math.Max(1, product);
        }

        return counts;
    }
}
