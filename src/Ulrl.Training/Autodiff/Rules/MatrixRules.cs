namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Matrix products.</summary>
internal static class MatrixRules
{
    public static void Register(GradientRules rules)
    {
        rules.AddNode("MatMul", MatMul);
        rules.AddNode("Gemm", Gemm);
        rules.AddNode("Einsum", Einsum);
    }

    // Y = alpha·op(A)·op(B) + beta·C
    private static Value[] Gemm(GradientContext g)
    {
        var alpha = g.Float("alpha", 1f);
        var transA = g.Int("transA", 0) != 0;
        var transB = g.Int("transB", 0) != 0;
        var results = new Value[g.Inputs];
        if (g.Needs(0))
        {
            results[0] = transA
                ? g.B.Op("Gemm", [g[1], g.Dy], ("alpha", alpha), ("transA", transB), ("transB", true))
                : g.B.Op("Gemm", [g.Dy, g[1]], ("alpha", alpha), ("transB", !transB));
        }

        if (g.Needs(1))
        {
            results[1] = transB
                ? g.B.Op("Gemm", [g.Dy, g[0]], ("alpha", alpha), ("transA", true), ("transB", transA))
                : g.B.Op("Gemm", [g[0], g.Dy], ("alpha", alpha), ("transA", !transA));
        }

        if (g.Needs(2)) results[2] = SumTo(g, g.Dy, g.OutputShape(), g.Shape(2)) * g.Float("beta", 1f);
        return results;
    }

    private static Value[] MatMul(GradientContext g)
    {
        var results = new Value[2];
        var a = g.Shape(0);
        var b = g.Shape(1);
        if (a.Length == 1 || b.Length == 1) return Vectors(g, a, b);
        if (g.Needs(0)) results[0] = SumTo(g, g.B.Op("MatMul", [g.Dy, Swapped(g, g[1], b.Length)]), Batch(a, b, a[^2], a[^1]), a);
        if (g.Needs(1))
        {
            // A weight shared by the whole batch: one product over all rows instead of one per sample and a sum.
            results[1] = b.Length == 2 && a.Length > 2
                ? g.B.Op("Gemm", [Rows(g, g[0], a[^1]), Rows(g, g.Dy, b[^1])], ("transA", true))
                : SumTo(g, g.B.Op("MatMul", [Swapped(g, g[0], a.Length), g.Dy]), Batch(a, b, b[^2], b[^1]), b);
        }

        return results;
    }

    // A one-dimensional operand counts as a row (left) or a column (right) matrix.
    private static Value[] Vectors(GradientContext g, Dim[] a, Dim[] b)
    {
        var results = new Value[2];
        var dy = g.Dy;
        if (b.Length == 1) dy = g.B.Op("Unsqueeze", [dy, g.B.Ints(-1)]);
        if (a.Length == 1) dy = g.B.Op("Unsqueeze", [dy, g.B.Ints(-2)]);
        var one = new Dim(1, 1);
        Dim[] left = a.Length == 1 ? [one, a[0]] : a;
        Dim[] right = b.Length == 1 ? [b[0], one] : b;
        var x = a.Length == 1 ? g.B.Op("Unsqueeze", [g[0], g.B.Ints(0)]) : g[0];
        var y = b.Length == 1 ? g.B.Op("Unsqueeze", [g[1], g.B.Ints(-1)]) : g[1];
        if (g.Needs(0))
        {
            var full = SumTo(g, g.B.Op("MatMul", [dy, Swapped(g, y, right.Length)]), Batch(left, right, left[^2], left[^1]), left);
            results[0] = g.Reshape(full, a);
        }

        if (g.Needs(1))
        {
            var full = SumTo(g, g.B.Op("MatMul", [Swapped(g, x, left.Length), dy]), Batch(left, right, right[^2], right[^1]), right);
            results[1] = g.Reshape(full, b);
        }

        return results;
    }

    private static Value Rows(GradientContext g, Value value, Dim columns) =>
        g.B.Op("Reshape", [value, g.B.Ints(-1, columns.Size)]);

    private static Value Swapped(GradientContext g, Value value, int rank)
    {
        var order = new long[rank];
        for (var i = 0; i < rank; i++) order[i] = i;
        (order[rank - 1], order[rank - 2]) = (order[rank - 2], order[rank - 1]);
        return g.B.Op("Transpose", [value], ("perm", order));
    }

    private static Dim[] Batch(Dim[] a, Dim[] b, Dim rows, Dim columns)
    {
        var rank = Math.Max(a.Length, b.Length);
        var shape = new Dim[rank];
        for (var i = 0; i < rank - 2; i++)
        {
            var left = i - (rank - a.Length) is var p and >= 0 ? a[p] : new Dim(1, 1);
            var right = i - (rank - b.Length) is var q and >= 0 ? b[q] : new Dim(1, 1);
            shape[i] = left.IsOne ? right : left;
        }

        shape[^2] = rows;
        shape[^1] = columns;
        return shape;
    }

    private static Value SumTo(GradientContext g, Value value, Dim[] from, Dim[] to)
    {
        var lead = from.Length - to.Length;
        value = g.Sum(value, false, [.. Enumerable.Range(0, lead).Select(i => (long)i)]);
        return g.Sum(value, true, [.. Enumerable.Range(0, to.Length).Where(i => to[i].IsOne && !from[lead + i].IsOne).Select(i => (long)i)]);
    }

    // d/dA einsum("a,b->y") = einsum("y,b->a"): indices of A that neither Y nor B has were summed and are spread again,
    // those along which A was stretched are summed.
    private static Value[] Einsum(GradientContext g)
    {
        var equation = EinsumEquation.Of(g);
        if (equation.Terms.Any(t => t.Distinct().Count() != t.Length)) throw g.Refuse("a repeated index in one operand is not supported");
        var results = new Value[g.Inputs];
        for (var i = 0; i < results.Length; i++)
        {
            if (!g.Needs(i)) continue;
            var (term, shape) = (equation.Terms[i], g.Shape(i));
            var others = Enumerable.Range(0, results.Length).Where(j => j != i).ToArray();
            var known = equation.Output + string.Concat(others.SelectMany(j => equation.Terms[j].Where((_, axis) => !g.Shape(j)[axis].IsOne)));
            var kept = string.Concat(term.Where((c, axis) => known.Contains(c, StringComparison.Ordinal) && !(shape[axis].IsOne && equation.IsStretched(g, c))));
            var reverse = string.Join(',', others.Select(j => equation.Terms[j]).Prepend(equation.Output)) + "->" + kept;
            var gradient = g.B.Op("Einsum", [g.Dy, .. others.Select(j => g[j])], ("equation", reverse));
            var lost = term.Select((c, axis) => (c, axis)).Where(t => !kept.Contains(t.c, StringComparison.Ordinal)).Select(t => (long)t.axis).ToArray();
            results[i] = lost.Length == 0 ? gradient : g.ExpandTo(g.B.Op("Unsqueeze", [gradient, g.B.Ints(lost)]), g[i]);
        }

        return results;
    }
}
