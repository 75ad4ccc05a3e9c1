using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// Frees the batch of a graph that was exported with a fixed one. The dimension that holds the batch is followed
/// from the input through every node; where a Reshape, Expand, Tile or Resize repeats the number it is left open,
/// and what was repeated per sample is repeated by the batch at hand.
/// </summary>
internal sealed class FixedBatch
{
    private readonly GraphProto graph;
    private readonly GraphBuilder builder;
    private readonly IReadOnlyDictionary<string, long[]> shapes;
    private readonly Dictionary<string, TensorProto> constants;
    private readonly long batch;

    // Tensor -> its dimension that holds the batch, whole or times a factor.
    private readonly Dictionary<string, int> position = new(StringComparer.Ordinal);

    // Tensor -> the factor before the batch within that dimension, where it is not 1: 5 in [5·batch, 3].
    private readonly Dictionary<string, long> factor = new(StringComparer.Ordinal);

    // Floating-point initializers and what is computed from them.
    private readonly HashSet<string> learned = new(StringComparer.Ordinal);

    private FixedBatch(GraphProto graph, IReadOnlyDictionary<string, long[]> shapes, long batch)
    {
        this.graph = graph;
        this.shapes = shapes;
        this.batch = batch;
        builder = new GraphBuilder(graph);
        constants = graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        learned.UnionWith(graph.Initializer.Where(t => t.DataType == (int)TensorProto.Types.DataType.Float).Select(t => t.Name));
    }

    /// <summary>Rewrites the graph in place.</summary>
    /// <param name="graph">Graph in the syntax of opset 18 or later.</param>
    /// <param name="input">Name of the data input.</param>
    /// <param name="shapes">Shape of every tensor at the batch the model was exported with.</param>
    /// <param name="batch">That batch.</param>
    public static void Free(GraphProto graph, string input, IReadOnlyDictionary<string, long[]> shapes, long batch)
    {
        var pass = new FixedBatch(graph, shapes, batch);
        pass.position[input] = 0;
        var nodes = graph.Node.ToArray();
        graph.Node.Clear();
        foreach (var node in nodes)
        {
            if (node.IsStandard()) pass.Visit(node);
            graph.Node.Add(node);
        }
    }

    private void Visit(NodeProto node)
    {
        // Numbers, not samples.
        if (node.OpType is "Shape" or "Size" or "Range" or "NonZero" or "EyeLike" or "ConstantOfShape") return;
        if (node.Input.Any(learned.Contains)) learned.UnionWith(node.Output);
        switch (node.OpType)
        {
            case "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze":
                Reshape(node);
                return;
            case "Expand" or "Tile":
                Repeat(node);
                return;
            case "Concat" or "GatherElements" or "ScatterElements":
                Align(node);
                break;
            case "Resize":
                ResizeWithoutBatch(node);
                break;
        }

        foreach (var input in node.Input)
        {
            if (!position.TryGetValue(input, out var at)) continue;
            if (Follow(node, input, at) is { } to) Mark(node, to, factor.GetValueOrDefault(input, 1));
            return;
        }
    }

    private long[] Out(NodeProto node) => shapes[node.Output[0]];

    private void Mark(NodeProto node, int at, long within)
    {
        foreach (var output in node.Output.Where(o => o.Length > 0))
        {
            if (at < 0 || at >= shapes[output].Length || shapes[output][at] % batch != 0) continue;
            position[output] = at;
            if (within != 1) factor[output] = within;
        }
    }

    // Where the batch dimension of an input comes out.
    private int? Follow(NodeProto node, string input, int at)
    {
        var (from, to) = (shapes[input].Length, Out(node).Length);
        switch (node.OpType)
        {
            case "Transpose":
                return node.Ints("perm") is { } order ? Array.IndexOf(order, at) : to - 1 - at;
            case "Gather":
                var axis = GradientContext.Normalize(node.Int("axis", 0), shapes[node.Input[0]].Length);
                if (input == node.Input[1]) return axis + at;
                return at == axis ? null : at < axis ? at : at - 1 + shapes[node.Input[1]].Length;
            case "ArgMax" or "ArgMin":
                return Reduced(at, [GradientContext.Normalize(node.Int("axis", 0), from)], from, node.Int("keepdims", 1) != 0);
            case "Einsum":
                return ThroughEinsum(node, input, at);
            case "MatMul" when shapes[node.Input[1]].Length == 1:
                return at;
            case var op when op.StartsWith("Reduce", StringComparison.Ordinal):
                long[] axes = node.Input.Count > 1 && node.Input[1].Length > 0 ? Constant(node.Input[1]) ?? [] : [];
                if (axes.Length == 0 && node.Int("noop_with_empty_axes", 0) != 0) return at;
                return axes.Length == 0 ? null : Reduced(at, [.. axes.Select(a => GradientContext.Normalize(a, from))], from, node.Int("keepdims", 1) != 0);
            default:
                return at + to - from;
        }
    }

    private static int? Reduced(int at, int[] axes, int rank, bool kept) =>
        Array.IndexOf(axes, at) >= 0 && rank > 0 ? null : kept ? at : at - axes.Count(a => a < at);

    private static int? ThroughEinsum(NodeProto node, string input, int at)
    {
        var arrow = node.Text("equation", "").Replace(" ", "", StringComparison.Ordinal).Split("->");
        if (arrow.Length < 2 || arrow[0].Contains('.', StringComparison.Ordinal)) return at;
        var found = arrow[1].IndexOf(arrow[0].Split(',')[node.Input.IndexOf(input)][at], StringComparison.Ordinal);
        return found < 0 ? null : found;
    }

    // The elements keep their order: the batch stands where as many elements lie before it as before.
    private void Reshape(NodeProto node)
    {
        if (!position.TryGetValue(node.Input[0], out var at)) return;
        var to = Out(node);
        var before = shapes[node.Input[0]].Take(at).Aggregate(factor.GetValueOrDefault(node.Input[0], 1), (a, b) => a * b);
        var (found, within) = Place(to, before, to.Length < shapes[node.Input[0]].Length);
        if (found < 0) return;
        if (batch == 1 && node.OpType == "Unsqueeze" && Constant(node.Input[1]) is { } added)
        {
            var axes = added.Select(a => GradientContext.Normalize(a, to.Length)).ToHashSet();
            found = Enumerable.Range(0, to.Length).Where(i => !axes.Contains(i)).ElementAt(at);
        }

        Mark(node, found, within);
        if (node.OpType == "Reshape") node.Input[1] = Dims(to, found, -1);
        if (node.OpType == "Squeeze" && batch == 1 && node.Input.Count < 2)
        {
            // Every dimension of size one goes, but the batch is none of them.
            var from = shapes[node.Input[0]];
            node.Input.Add(builder.Ints([.. Enumerable.Range(0, from.Length).Where(i => i != at && from[i] == 1).Select(i => (long)i)]).Name);
            position[node.Output[0]] = from.Take(at).Count(d => d != 1);
        }
    }

    // The dimension before which, or within which, that many elements lie. A batch of one does not show: where
    // dimensions merge it is taken to merge with the one before, as in [tokens, batch, width] to [tokens·batch, width].
    private (int Found, long Within) Place(long[] to, long before, bool merging)
    {
        var inside = (-1, 1L);
        var passed = 1L;
        for (var i = 0; i < to.Length && passed <= before; passed *= to[i++])
        {
            if (before % passed != 0 || to[i] % (before / passed * batch) != 0) continue;
            if (passed == before && (batch > 1 || !merging || inside.Item1 < 0)) return (i, 1);
            if (passed < before) inside = (i, before / passed);
        }

        return inside;
    }

    private string Dims(long[] dims, int open, long value)
    {
        long[] free = [.. dims];
        free[open] = value;
        return builder.Ints(free).Name;
    }

    // Expand and Tile: a batch that is there stays as it is, one that is made is left out; broadcasting makes up for it.
    private void Repeat(NodeProto node)
    {
        var (from, to) = (shapes[node.Input[0]], Out(node));
        if (position.TryGetValue(node.Input[0], out var at))
        {
            at += to.Length - from.Length;
            position[node.Output[0]] = at;
            if (node.OpType == "Expand") node.Input[1] = Dims(to, at, 1);
        }
        else if (learned.Contains(node.Input[0]) && (from.Length < to.Length || (from.Length > 0 && from[0] == 1)))
        {
            long[] dims = node.OpType == "Expand" ? to : [.. to.Select((d, i) => d / from[i])];
            if (batch > 1 && dims.Length > 1 && dims[0] == batch) node.Input[1] = Dims(dims, 0, 1);
        }
    }

    // Operators that do not broadcast: operands that are the same for every sample are repeated.
    private void Align(NodeProto node)
    {
        var model = node.Input.FirstOrDefault(position.ContainsKey);
        if (model is null) return;
        var at = position[model];
        var axis = GradientContext.Normalize(node.Int("axis", 0), shapes[model].Length);
        for (var i = 0; i < node.Input.Count; i++)
        {
            var name = node.Input[i];
            if (axis == at || position.ContainsKey(name)) continue;
            var rank = shapes[name].Length;
            if (rank != shapes[model].Length || (constants.TryGetValue(name, out var constant) && constant.Dims[at] != 1)) continue;
            var size = builder.Op("Shape", [builder[model]], ("start", (long)at), ("end", (long)at + 1));
            Value[] parts = [builder.Ints([.. Enumerable.Repeat(1L, at)]), size, builder.Ints([.. Enumerable.Repeat(1L, rank - at - 1)])];
            var target = builder.Op("Concat", parts, ("axis", 0L));
            node.Input[i] = builder.Op("Expand", [builder[name], target]).Name;
        }
    }

    private void ResizeWithoutBatch(NodeProto node)
    {
        if (node.Input.Count < 4 || !position.TryGetValue(node.Input[0], out var at) || node.Find("axes") is not null) return;
        var to = Out(node);
        var axes = Enumerable.Range(0, to.Length).Where(i => i != at).ToArray();
        node.Set("axes", axes.Select(i => (long)i).ToArray());
        node.Input[3] = builder.Ints([.. axes.Select(i => to[i])]).Name;
    }

    private long[]? Constant(string name) => constants.TryGetValue(name, out var tensor) ? TensorData.ReadIntegers(tensor) : null;
}
