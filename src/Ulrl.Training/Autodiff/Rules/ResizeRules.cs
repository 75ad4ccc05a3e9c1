namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// Interpolation. Resize is linear in its input and separable by axis, so its gradient is a product with the
/// transposed interpolation matrix of every resized axis.
/// </summary>
internal static class ResizeRules
{
    public static void Register(GradientRules rules) => rules.Add("Resize", Resize);

    private static Value Resize(GradientContext g)
    {
        var mode = g.Text("mode", "nearest");
        if (mode is not ("nearest" or "linear")) throw g.Refuse($"mode '{mode}' is not supported, nearest and linear are");
        if (g.Int("antialias", 0) != 0) throw g.Refuse("antialias is not supported");
        var x = g.Shape(0);
        var y = g.OutputShape();
        var scales = Scales(g, x);
        var gradient = g.Dy;
        for (var axis = 0; axis < x.Length; axis++)
        {
            if (x[axis] == y[axis] && (scales is null || scales[axis] == 1)) continue;
            if (!x[axis].IsFixed) throw g.Refuse("it resizes a dimension that grows with the batch");
            var scale = scales?[axis] ?? (double)y[axis].Size / x[axis].Size;
            var matrix = Transposed(g, mode, x[axis].Size, y[axis].Size, scale);
            gradient = IndexingRules.AlongAxis(g, g.B.Floats(matrix, x[axis].Size, y[axis].Size), gradient, axis);
        }

        return gradient;
    }

    // The scales where they are given or follow from an aspect ratio to be kept; elsewhere each axis has its own.
    private static double[]? Scales(GradientContext g, Dim[] x)
    {
        if (g[2].IsPresent && g.Values(2) is { Length: > 0 } given) return Full(g, given, x.Length);
        var policy = g.Text("keep_aspect_ratio_policy", "stretch");
        if (policy == "stretch") return null;
        var sizes = g.Integers(3);
        var axes = g.Ints("axes") ?? [.. Enumerable.Range(0, x.Length).Select(i => (long)i)];
        var ratios = sizes.Select((size, i) => (float)size / x[GradientContext.Normalize(axes[i], x.Length)].Size);
        var kept = new double[sizes.Length];
        Array.Fill(kept, policy == "not_larger" ? ratios.Min() : ratios.Max());
        return Full(g, kept, x.Length);
    }

    private static double[] Full(GradientContext g, double[] scales, int rank)
    {
        if (g.Ints("axes") is not { } axes) return scales;
        var full = new double[rank];
        Array.Fill(full, 1);
        for (var i = 0; i < axes.Length; i++) full[GradientContext.Normalize(axes[i], rank)] = scales[i];
        return full;
    }

    // [inputs, outputs]: how much each output takes of each input.
    private static float[] Transposed(GradientContext g, string mode, long inputs, long outputs, double scale)
    {
        var matrix = new float[inputs * outputs];
        for (var o = 0L; o < outputs; o++)
        {
            var at = Coordinate(g, o, inputs, outputs, scale);
            if (mode == "nearest")
            {
                matrix[(Math.Clamp(Nearest(g, at), 0, inputs - 1) * outputs) + o] = 1f;
                continue;
            }

            at = Math.Clamp(at, 0, inputs - 1);
            var low = (long)Math.Floor(at);
            var high = Math.Min(low + 1, inputs - 1);
            var weight = (float)(at - low);
            matrix[(low * outputs) + o] += 1f - weight;
            matrix[(high * outputs) + o] += weight;
        }

        return matrix;
    }

    private static double Coordinate(GradientContext g, long output, long inputs, long outputs, double scale)
    {
        var mode = g.Text("coordinate_transformation_mode", "half_pixel");
        // The runtime computes coordinates in single precision; rounding must fall the same way.
        return mode switch
        {
            "asymmetric" => (float)output / (float)scale,
            "align_corners" => outputs == 1 ? 0 : (float)output * (inputs - 1) / (outputs - 1),
            "half_pixel" => ((output + 0.5f) / (float)scale) - 0.5f,
            "pytorch_half_pixel" => outputs > 1 ? ((output + 0.5f) / (float)scale) - 0.5f : 0,
            "half_pixel_symmetric" => Symmetric(output, inputs, outputs, scale),
            _ => throw g.Refuse($"coordinate_transformation_mode '{mode}' is not supported"),
        };
    }

    private static double Symmetric(long output, long inputs, long outputs, double scale)
    {
        var adjustment = outputs / (scale * inputs);
        var offset = inputs / 2.0 * (1 - adjustment);
        return offset + ((output + 0.5) / scale) - 0.5;
    }

    private static long Nearest(GradientContext g, double at)
    {
        var mode = g.Text("nearest_mode", "round_prefer_floor");
        return mode switch
        {
            "floor" => (long)Math.Floor(at),
            "ceil" => (long)Math.Ceiling(at),
            "round_prefer_ceil" => (long)Math.Floor(at + 0.5),
            "round_prefer_floor" => (long)Math.Ceiling(at - 0.5),
            _ => throw g.Refuse($"nearest_mode '{mode}' is not supported"),
        };
    }
}
