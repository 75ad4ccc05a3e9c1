namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Reductions over axes: the gradient gets its reduced dimensions back and is spread over them.</summary>
internal static class ReductionRules
{
    public static void Register(GradientRules rules)
    {
        rules.Add("ReduceSum", g => g.ExpandTo(Kept(g, g.Dy), g[0]));
        rules.Add("ReduceMean", Mean);
        rules.Add("ReduceMax", Chosen);
        rules.Add("ReduceMin", Chosen);
        rules.Add("ReduceL1", g => Kept(g, g.Dy) * g.B.Op("Sign", [g[0]]));
        rules.Add("ReduceL2", L2);
        rules.Add("ReduceSumSquare", g => Kept(g, g.Dy) * g[0] * 2f);
        rules.Add("ReduceLogSum", g => g.ExpandTo(Kept(g, g.Dy) / g.B.Op("Exp", [Kept(g, g.Y)]), g[0]));
        rules.Add("ReduceLogSumExp", g => Kept(g, g.Dy) * g.B.Op("Exp", [g[0] - Kept(g, g.Y)]));
        rules.Add("ReduceProd", Product);
    }

    private static long[] Axes(GradientContext g)
    {
        var rank = g.Rank(0);
        var named = g[1].IsPresent ? g.Integers(1) : g.Ints("axes") ?? [];
        if (named.Length > 0) return [.. named.Select(a => (long)GradientContext.Normalize(a, rank))];
        return g.Int("noop_with_empty_axes", 0) != 0 ? [] : [.. Enumerable.Range(0, rank).Select(i => (long)i)];
    }

    // A reduced tensor with its reduced dimensions back, of size 1.
    private static Value Kept(GradientContext g, Value reduced)
    {
        var axes = Axes(g);
        return g.Int("keepdims", 1) != 0 || axes.Length == 0 ? reduced : g.B.Op("Unsqueeze", [reduced, g.B.Ints(axes)]);
    }

    private static Value Mean(GradientContext g)
    {
        var shape = g.Shape(0);
        var axes = Axes(g);
        if (axes.All(a => shape[a].IsFixed))
        {
            var count = axes.Aggregate(1L, (n, a) => n * shape[a].Size);
            return g.ExpandTo(Kept(g, g.Dy) / count, g[0]);
        }

        var ratio = g.Cast(g.B.Op("Size", [g.Y])) / g.Cast(g.B.Op("Size", [g[0]]));
        return g.ExpandTo(Kept(g, g.Dy) * ratio, g[0]);
    }

    // Shared equally among ties, as torch.amax and torch.amin have it.
    private static Value Chosen(GradientContext g)
    {
        var chosen = g.Mask("Equal", g[0], Kept(g, g.Y));
        return chosen * (Kept(g, g.Dy) / g.Sum(chosen, true, Axes(g)));
    }

    // Zero where the norm is zero, as torch.norm has it.
    private static Value L2(GradientContext g)
    {
        var norm = Kept(g, g.Y);
        var isZero = g.B.Op("Equal", [norm, g.B.Scalar(0f)]);
        return Kept(g, g.Dy) * g[0] / g.B.Op("Where", [isZero, g.B.Scalar(1f), norm]);
    }

    // Product of the others, without dividing by zero: where exactly one factor is zero, only it has a gradient.
    private static Value Product(GradientContext g)
    {
        var axes = Axes(g);
        var isZero = g.B.Op("Equal", [g[0], g.B.Scalar(0f)]);
        var factors = g.B.Op("Where", [isZero, g.B.Scalar(1f), g[0]]);
        var product = g.B.Op("ReduceProd", [factors, g.B.Ints(axes)], ("keepdims", 1L));
        var zeros = g.Sum(g.Cast(isZero), true, axes);
        var atZero = product * g.Mask("Equal", zeros, g.B.Scalar(1f));
        var elsewhere = product * g.Mask("Equal", zeros, g.B.Scalar(0f)) / factors;
        return Kept(g, g.Dy) * g.B.Op("Where", [isZero, atZero, elsewhere]);
    }
}
