namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Operators that move elements without computing.</summary>
internal static class ShapeRules
{
    public static void Register(GradientRules rules)
    {
        rules.Add("Reshape", g => g.ReshapeLike(g.Dy, g[0]));
        rules.Add("Flatten", g => g.ReshapeLike(g.Dy, g[0]));
        rules.Add("Squeeze", g => g.ReshapeLike(g.Dy, g[0]));
        rules.Add("Unsqueeze", g => g.ReshapeLike(g.Dy, g[0]));
        rules.Add("Transpose", Transpose);
        rules.AddNode("Concat", Concat);
        rules.Add("Split", Split);
        rules.Broadcasting("Expand", g => g.Dy);
        rules.Add("Tile", Tile);
        rules.Add("DepthToSpace", DepthToSpace);
        rules.Add("SpaceToDepth", SpaceToDepth);
    }

    private static Value Transpose(GradientContext g)
    {
        var rank = g.Rank(0);
        var order = g.Ints("perm") ?? [.. Enumerable.Range(0, rank).Select(i => (long)(rank - 1 - i))];
        var inverse = new long[rank];
        for (var i = 0; i < rank; i++) inverse[order[i]] = i;
        return g.B.Op("Transpose", [g.Dy], ("perm", inverse));
    }

    private static Value[] Concat(GradientContext g)
    {
        var axis = g.Axis(0);
        var results = new Value[g.Inputs];
        var sizes = Enumerable.Range(0, g.Inputs).Select(i => g.Shape(i)[axis]).ToArray();
        if (sizes.All(s => s.IsFixed))
        {
            return g.B.Ops("Split", g.Inputs, [g.Dy, g.B.Ints([.. sizes.Select(s => s.Size)])], ("axis", axis));
        }

        // Along a dimension that grows with the batch the split sizes are known at run time only.
        var lengths = Enumerable.Range(0, g.Inputs).Select(i => g.B.Op("Shape", [g[i]], ("start", axis), ("end", axis + 1))).ToArray();
        return g.B.Ops("Split", g.Inputs, [g.Dy, g.B.Op("Concat", lengths, ("axis", 0L))], ("axis", axis));
    }

    private static Value Split(GradientContext g)
    {
        var parts = new Value[g.Outputs];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = g.DyOf(i).IsPresent ? g.DyOf(i) : Zeros(g, g.B[g.Node.Output[i]]);
        }

        return g.B.Op("Concat", parts, ("axis", (long)g.Axis(0)));
    }

    internal static Value Zeros(GradientContext g, Value like)
    {
        var shape = g.Shape(like);
        return shape.All(d => d.IsFixed)
            ? g.B.Filled(0f, [.. shape.Select(d => d.Size)])
            : g.B.Op("ConstantOfShape", [g.B.Op("Shape", [like])]);
    }

    // [n·d] -> [n, d] per axis, then the repetitions are summed.
    private static Value Tile(GradientContext g)
    {
        var shape = g.Shape(0);
        var tiled = g.OutputShape();
        var split = new List<Dim>();
        var axes = new List<long>();
        for (var i = 0; i < shape.Length; i++)
        {
            if (tiled[i] != shape[i])
            {
                axes.Add(split.Count);
                split.Add(new Dim(tiled[i].First / shape[i].First, tiled[i].Second / shape[i].Second));
            }

            split.Add(shape[i]);
        }

        return axes.Count == 0 ? g.Dy : g.Sum(g.Reshape(g.Dy, [.. split]), false, [.. axes]);
    }

    private static Value DepthToSpace(GradientContext g)
    {
        var block = g.Int("blocksize", 1);
        if (g.Text("mode", "DCR") == "DCR") return g.B.Op("SpaceToDepth", [g.Dy], ("blocksize", block));
        var y = g.OutputShape();
        var (depth, height, width) = (y[1].Size, y[2].Size / block, y[3].Size / block);
        var split = g.B.Op("Reshape", [g.Dy, g.B.Ints(-1, depth, height, block, width, block)]);
        var moved = g.B.Op("Transpose", [split], ("perm", new long[] { 0, 1, 3, 5, 2, 4 }));
        return g.ReshapeLike(moved, g[0]);
    }

    private static Value SpaceToDepth(GradientContext g) =>
        g.B.Op("DepthToSpace", [g.Dy], ("blocksize", g.Int("blocksize", 1)), ("mode", "DCR"));
}
