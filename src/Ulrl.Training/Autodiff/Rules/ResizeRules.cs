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
        if (Interpolation.Problem(g.Node) is { } problem) throw g.Refuse(problem);
        var x = g.Shape(0);
        var y = g.OutputShape();
        var scales = Interpolation.Scales(g.Node, g[2].IsPresent ? g.Values(2) : [], () => g.Integers(3), x.Length, axis => x[axis].Size);
        var gradient = g.Dy;
        for (var axis = 0; axis < x.Length; axis++)
        {
            if (x[axis] == y[axis] && (scales is null || scales[axis] == 1)) continue;
            if (!x[axis].IsFixed) throw g.Refuse("it resizes a dimension that grows with the batch");
            var scale = scales?[axis] ?? (double)y[axis].Size / x[axis].Size;
            var matrix = Transposed(g, x[axis].Size, y[axis].Size, scale);
            gradient = IndexingRules.AlongAxis(g, g.B.Floats(matrix, x[axis].Size, y[axis].Size), gradient, axis);
        }

        return gradient;
    }

    // [inputs, outputs]: how much each output takes of each input.
    private static float[] Transposed(GradientContext g, long inputs, long outputs, double scale)
    {
        var matrix = new float[inputs * outputs];
        for (var o = 0L; o < outputs; o++)
        {
            var (low, high, weight) = Interpolation.At(g.Node, o, inputs, outputs, scale);
            matrix[(low * outputs) + o] += 1f - weight;
            matrix[(high * outputs) + o] += weight;
        }

        return matrix;
    }
}
