namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Convolution and transposed convolution in one, two and three dimensions.</summary>
internal static class ConvolutionRules
{
    public static void Register(GradientRules rules)
    {
        rules.AddNode("Conv", Conv);
        rules.AddNode("ConvTranspose", ConvTranspose);
    }

    private static long[] Spatial(Dim[] shape) => [.. shape[2..].Select(d => d.Size)];

    private static Value[] Conv(GradientContext g)
    {
        var weight = g.Shape(1);
        var window = Window.Of(g.Node, Spatial(weight), Spatial(g.Shape(0)), Spatial(g.OutputShape()));
        var results = new Value[g.Inputs];
        if (!g.Portable && BilinearConvolution.Find(g.Node, g.Shape(0), weight, g.OutputShape()) is { } fast)
        {
            var dy = fast.OutputFrequencies(g.B, g.Dy);
            if (g.Needs(1)) results[1] = fast.ByWeight(g.B, dy, g[0]);
            if (g.Needs(0)) results[0] = fast.ByInput(g.B, dy, g[1]);
        }
        else
        {
            if (g.Needs(1)) results[1] = WeightGradient.Emit(g, g[0], g.Shape(0), g.Dy, g.OutputShape(), window, g.Int("group", 1), weight);
            if (g.Needs(0)) results[0] = ConvInput(g, window);
        }

        if (g.Needs(2)) results[2] = g.SumPerChannel(g.Dy, g.OutputShape());
        return results;
    }

    /// <summary>Gradient by the input: the transposed convolution of the output's gradient with the same weights.</summary>
    private static Value ConvInput(GradientContext g, Window window)
    {
        var group = g.Int("group", 1);
        var pads = new long[window.Rank];
        for (var i = 0; i < pads.Length; i++) pads[i] = ((window.Kernel[i] - 1) * window.Dilations[i]) - window.PadsBegin[i];
        if (window.IsUnitStride && group == 1 && pads.All(p => p >= 0)) return FlippedConv(g, window, pads);

        var x = Spatial(g.Shape(0));
        var y = Spatial(g.OutputShape());
        var rest = new long[window.Rank];
        for (var i = 0; i < rest.Length; i++)
        {
            var covered = ((y[i] - 1) * window.Strides[i]) + ((window.Kernel[i] - 1) * window.Dilations[i]) + 1 - window.PadsBegin[i] - window.PadsEnd[i];
            rest[i] = x[i] - covered;
        }

        return g.B.Op(
            "ConvTranspose", [g.Dy, g[1]], ("kernel_shape", window.Kernel), ("strides", window.Strides), ("dilations", window.Dilations),
            ("pads", window.Pads), ("output_padding", rest), ("group", group));
    }

    // At stride 1 the transposed convolution is a convolution with the weights flipped and their channels swapped: the faster kernel.
    private static Value FlippedConv(GradientContext g, Window window, long[] pads)
    {
        var x = Spatial(g.Shape(0));
        var y = Spatial(g.OutputShape());
        var order = Enumerable.Range(0, window.Rank + 2).Select(i => (long)i).ToArray();
        (order[0], order[1]) = (1, 0);
        var weights = g.B.Op("Transpose", [g[1]], ("perm", order));
        if (window.Taps > 1)
        {
            var axes = order[2..];
            var starts = new long[window.Rank];
            var ends = new long[window.Rank];
            var steps = new long[window.Rank];
            Array.Fill(starts, -1);
            Array.Fill(ends, long.MinValue);
            Array.Fill(steps, -1);
            weights = g.B.Op("Slice", [weights, g.B.Ints(starts), g.B.Ints(ends), g.B.Ints(axes), g.B.Ints(steps)]);
        }

        var end = new long[window.Rank];
        for (var i = 0; i < end.Length; i++) end[i] = x[i] - y[i] - pads[i] + ((window.Kernel[i] - 1) * window.Dilations[i]);
        return g.B.Op("Conv", [g.Dy, weights], ("kernel_shape", window.Kernel), ("dilations", window.Dilations), ("pads", (long[])[.. pads, .. end]));
    }

    private static Value[] ConvTranspose(GradientContext g)
    {
        var weight = g.Shape(1);
        var window = Window.Of(g.Node, Spatial(weight), Spatial(g.OutputShape()), Spatial(g.Shape(0)));
        var results = new Value[g.Inputs];
        if (g.Needs(0))
        {
            // Output padding adds positions at the end that the reverse convolution must not use.
            var x = Spatial(g.Shape(0));
            var y = Spatial(g.OutputShape());
            var end = new long[window.Rank];
            for (var i = 0; i < end.Length; i++)
            {
                end[i] = ((x[i] - 1) * window.Strides[i]) + ((window.Kernel[i] - 1) * window.Dilations[i]) + 1 - y[i] - window.PadsBegin[i];
            }

            var dy = g.Dy;
            if (end.Any(e => e < 0))
            {
                var axes = Enumerable.Range(2, window.Rank).Select(i => (long)i).ToArray();
                dy = g.B.Op("Slice", [dy, g.B.Ints(new long[window.Rank]), g.B.Ints([.. y.Select((size, i) => size + Math.Min(0, end[i]))]), g.B.Ints(axes)]);
            }

            results[0] = g.B.Op(
                "Conv", [dy, g[1]], ("kernel_shape", window.Kernel), ("strides", window.Strides), ("dilations", window.Dilations),
                ("pads", (long[])[.. window.PadsBegin, .. end.Select(e => Math.Max(0, e))]), ("group", g.Int("group", 1)));
        }

        if (g.Needs(1)) results[1] = WeightGradient.Emit(g, g.Dy, g.OutputShape(), g[0], g.Shape(0), window, g.Int("group", 1), weight);
        if (g.Needs(2)) results[2] = g.SumPerChannel(g.Dy, g.OutputShape());
        return results;
    }
}
