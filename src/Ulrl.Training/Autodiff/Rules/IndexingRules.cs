using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Selecting, cutting and padding: the gradient is put back where its elements came from.</summary>
internal static class IndexingRules
{
    public static void Register(GradientRules rules)
    {
        rules.Add("Gather", Gather);
        rules.Add("GatherElements", g => g.B.Op("ScatterElements", [ShapeRules.Zeros(g, g[0]), g[1], g.Dy], ("axis", g.Int("axis", 0)), ("reduction", "add")));
        rules.Add("GatherND", GatherNd);
        rules.AddNodeExcept(1, "ScatterND", ScatterNd);
        rules.AddNodeExcept(1, "ScatterElements", ScatterElements);
        rules.Add("Slice", Slice);
        rules.Add("Pad", Pad);
        rules.Add("Trilu", g => g.B.Op("Trilu", [g.Dy, g[1]], ("upper", g.Int("upper", 1))));
        rules.Add("CumSum", g => g.B.Op("CumSum", [g.Dy, g[1]], ("exclusive", g.Int("exclusive", 0)), ("reverse", 1 - g.Int("reverse", 0))));
    }

    // ScatterND along the gathered axis, moved to the front.
    private static Value Gather(GradientContext g)
    {
        var b = g.B;
        var axis = g.Axis(0);
        var rank = g.Rank(0);
        var indexRank = g.Rank(1);
        var zeros = ShapeRules.Zeros(g, g[0]);
        var dy = g.Dy;
        if (axis > 0)
        {
            // dy: [before, index…, after] -> [index…, before, after]
            var dyRank = rank - 1 + indexRank;
            long[] order = [.. Range(axis, indexRank), .. Range(0, axis), .. Range(axis + indexRank, dyRank - axis - indexRank)];
            dy = b.Op("Transpose", [dy], ("perm", order));
            zeros = b.Op("Transpose", [zeros], ("perm", Front(axis, rank)));
        }

        var index = b.Op("Unsqueeze", [b.Op("Cast", [g[1]], ("to", 7L)), b.Ints(-1)]);
        var scattered = b.Op("ScatterND", [zeros, index, dy], ("reduction", "add"));
        return axis == 0 ? scattered : b.Op("Transpose", [scattered], ("perm", Back(axis, rank)));
    }

    private static long[] Range(int start, int count) => [.. Enumerable.Range(start, count).Select(i => (long)i)];

    private static long[] Front(int axis, int rank) => [axis, .. Range(0, axis), .. Range(axis + 1, rank - axis - 1)];

    private static long[] Back(int axis, int rank) => [.. Range(1, axis), 0, .. Range(axis + 1, rank - axis - 1)];

    private static Value GatherNd(GradientContext g)
    {
        var zeros = ShapeRules.Zeros(g, g[0]);
        var batch = (int)g.Int("batch_dims", 0);
        if (batch == 0) return g.B.Op("ScatterND", [zeros, g[1], g.Dy], ("reduction", "add"));

        // The batch dimensions become one leading index: [batch, places, 1 + q].
        var b = g.B;
        var (x, index) = (g.Shape(0), g.Shape(1));
        var places = index[batch..^1].Aggregate(1L, (n, d) => n * d.Size);
        var depth = index[^1].Size;
        var given = b.Op("Reshape", [b.Op("Cast", [g[1]], ("to", 7L)), b.Ints(-1, places, depth)]);
        var rows = b.Op("Range", [b.Scalar(0L), b.Op("Squeeze", [b.Op("Shape", [given], ("start", 0L), ("end", 1L))]), b.Scalar(1L)]);
        var spread = b.Op("Add", [b.Op("Unsqueeze", [rows, b.Ints(1, 2)]), b.Op("ConstantOfShape", [b.Ints(1, places, 1)], ("value", GraphBuilder.Tensor(DataType.Int64, [1], new byte[8])))]);
        var full = b.Op("Concat", [spread, given], ("axis", 2L));
        var tail = x[(batch + (int)depth)..];
        var dy = b.Op("Reshape", [g.Dy, b.Ints([-1, places, .. tail.Select(d => d.Size)])]);
        var flat = b.Op("Reshape", [zeros, b.Ints([-1, .. x[batch..].Select(d => d.Size)])]);
        return g.ReshapeLike(b.Op("ScatterND", [flat, full, dy], ("reduction", "add")), g[0]);
    }

    private static Value[] ScatterNd(GradientContext g)
    {
        if (g.Text("reduction", "none") is not ("none" or "add")) throw g.Refuse("its reduction is not supported");
        var added = g.Text("reduction", "none") == "add";
        var results = new Value[3];
        if (g.Needs(0)) results[0] = added ? g.Dy : g.B.Op("ScatterND", [g.Dy, g[1], ShapeRules.Zeros(g, g[2])]);
        if (g.Needs(2)) results[2] = g.B.Op("GatherND", [g.Dy, g[1]]);
        return results;
    }

    private static Value[] ScatterElements(GradientContext g)
    {
        if (g.Text("reduction", "none") is not ("none" or "add")) throw g.Refuse("its reduction is not supported");
        var added = g.Text("reduction", "none") == "add";
        var axis = ("axis", (object)g.Int("axis", 0));
        var results = new Value[3];
        if (g.Needs(0)) results[0] = added ? g.Dy : g.B.Op("ScatterElements", [g.Dy, g[1], ShapeRules.Zeros(g, g[2])], axis);
        if (g.Needs(2)) results[2] = g.B.Op("GatherElements", [g.Dy, g[1]], axis);
        return results;
    }

    private static Value Slice(GradientContext g)
    {
        var shape = g.Shape(0);
        var starts = g.Integers(1);
        var axes = g[3].IsPresent ? g.Integers(3) : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        var steps = g[4].IsPresent ? g.Integers(4) : Window.Ones(starts.Length);
        var output = g.OutputShape();
        var gradient = g.Dy;
        var pads = new long[2 * shape.Length];
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = GradientContext.Normalize(axes[i], shape.Length);
            if (shape[axis] == output[axis] && steps[i] == 1) continue;
            if (!shape[axis].IsFixed || !output[axis].IsFixed) throw g.Refuse("it cuts a dimension that grows with the batch");
            var (size, kept) = (shape[axis].Size, output[axis].Size);
            var start = Math.Clamp(starts[i] < 0 ? starts[i] + size : starts[i], 0, steps[i] > 0 ? size : size - 1);
            if (steps[i] == 1)
            {
                pads[axis] = start;
                pads[shape.Length + axis] = size - start - kept;
                continue;
            }

            gradient = Spread(g, gradient, axis, size, start, steps[i], kept);
        }

        return pads.All(p => p == 0) ? gradient : g.B.Op("Pad", [gradient, g.B.Ints(pads)]);
    }

    // Elements start, start + step, … of an axis: gathered from the gradient with a zero appended.
    private static Value Spread(GradientContext g, Value gradient, int axis, long size, long start, long step, long kept)
    {
        var source = new long[size];
        Array.Fill(source, kept);
        for (var k = 0L; k < kept; k++) source[start + (k * step)] = k;
        var pads = new long[2];
        pads[1] = 1;
        var extended = g.B.Op("Pad", [gradient, g.B.Ints(pads), default, g.B.Ints(axis)]);
        return g.B.Op("Gather", [extended, g.B.Ints(source)], ("axis", axis));
    }

    private static Value Pad(GradientContext g)
    {
        var shape = g.Shape(0);
        var rank = shape.Length;
        var axes = g[3].IsPresent ? [.. g.Integers(3).Select(a => GradientContext.Normalize(a, rank))] : Enumerable.Range(0, rank).ToArray();
        var given = g.Integers(1);
        var mode = g.Text("mode", "constant");
        var gradient = g.Dy;
        for (var i = 0; i < axes.Length; i++)
        {
            var (before, after) = (given[i], given[axes.Length + i]);
            if (before == 0 && after == 0) continue;
            if (!shape[axes[i]].IsFixed) throw g.Refuse("it pads a dimension that grows with the batch");
            gradient = Unpad(g, gradient, axes[i], shape[axes[i]].Size, before, after, mode);
        }

        return gradient;
    }

    // Padded position -> source position along one axis; positions with one source are cut out, repeated ones added.
    private static Value Unpad(GradientContext g, Value gradient, int axis, long size, long before, long after, string mode)
    {
        var b = g.B;
        var cut = b.Op("Slice", [gradient, b.Ints(Math.Max(0, before)), b.Ints(before + size + Math.Min(0, after)), b.Ints(axis)]);
        var lead = Math.Max(0, -before);
        var trail = Math.Max(0, -after);
        if (lead > 0 || trail > 0) cut = b.Op("Pad", [cut, b.Ints(lead, trail), default, b.Ints(axis)]);
        if (mode == "constant") return cut;
        foreach (var (from, count) in new[] { (0L, Math.Max(0, before)), (before + size, Math.Max(0, after)) })
        {
            if (count == 0) continue;
            var selection = new float[size * count];
            for (var k = 0L; k < count; k++) selection[(Source(from + k - before, size, mode) * count) + k] = 1f;
            var border = b.Op("Slice", [gradient, b.Ints(from), b.Ints(from + count), b.Ints(axis)]);
            cut += AlongAxis(g, b.Floats(selection, size, count), border, axis);
        }

        return cut;
    }

    /// <summary>Multiplies a matrix [m, n] onto one axis of size n.</summary>
    internal static Value AlongAxis(GradientContext g, Value matrix, Value value, int axis)
    {
        var rank = g.Rank(0);
        if (axis == rank - 2) return g.B.Op("MatMul", [matrix, value]);
        var order = Range(0, rank);
        (order[axis], order[rank - 1]) = (order[rank - 1], order[axis]);
        var moved = axis == rank - 1 ? value : g.B.Op("Transpose", [value], ("perm", order));
        var product = g.B.Op("MatMul", [moved, g.B.Op("Transpose", [matrix], ("perm", new long[] { 1, 0 }))]);
        return axis == rank - 1 ? product : g.B.Op("Transpose", [product], ("perm", order));
    }

    /// <summary>The element that a padded position repeats, counted from the first that is not padding.</summary>
    internal static long Source(long position, long size, string mode) => mode switch
    {
        "edge" => Math.Clamp(position, 0, size - 1),
        "wrap" => ((position % size) + size) % size,
        _ => Reflect(position, size),
    };

    private static long Reflect(long position, long size)
    {
        if (size == 1) return 0;
        var period = 2 * (size - 1);
        var folded = ((position % period) + period) % period;
        return folded < size ? folded : period - folded;
    }
}
