using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// Rewrites the nodes of a graph of opset 7 to 17 in the syntax of opset 18, so that a gradient rule meets each
/// operator in one form only. One entry per operator whose form changed; the meaning of the node stays.
/// </summary>
internal static class OpsetUpgrade
{
    /// <summary>The opset whose syntax the gradient rules read and emit.</summary>
    public const long Target = 18;

    private static readonly Dictionary<string, (long Before, Action<Rewrite> Apply)> Table = new(StringComparer.Ordinal)
    {
        ["Clip"] = (11, r => r.FloatsToInputs("min", "max")),
        ["Dropout"] = (12, r => r.FloatsToInputs("ratio")),
        ["Squeeze"] = (13, r => r.IntsToInput("axes", 1)),
        ["Unsqueeze"] = (13, r => r.IntsToInput("axes", 1)),
        ["ReduceSum"] = (13, r => r.IntsToInput("axes", 1)),
        ["ReduceMean"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceMax"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceMin"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceProd"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceL1"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceL2"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceLogSum"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceLogSumExp"] = (18, r => r.IntsToInput("axes", 1)),
        ["ReduceSumSquare"] = (18, r => r.IntsToInput("axes", 1)),
        ["Split"] = (18, Split),
        ["Softmax"] = (13, FlattenedSoftmax),
        ["LogSoftmax"] = (13, FlattenedSoftmax),
        ["Hardmax"] = (13, FlattenedSoftmax),
        ["Pad"] = (11, Pad),
        ["Slice"] = (10, Slice),
        ["Upsample"] = (10, Upsample),
        ["Resize"] = (11, FirstResize),
        ["Scatter"] = (11, r => r.Node.OpType = "ScatterElements"),
    };

    /// <summary>Rewrites the graph in place.</summary>
    /// <returns>The opset of the rewritten graph: <paramref name="opset"/>, or 18 where that is higher.</returns>
    public static long Apply(GraphProto graph, long opset)
    {
        if (opset >= Target) return opset;
        var nodes = graph.Node.ToArray();
        var builder = new GraphBuilder(graph);
        graph.Node.Clear();
        foreach (var node in nodes)
        {
            if (node.IsStandard() && Table.TryGetValue(node.OpType, out var entry) && opset < entry.Before)
            {
                var rewrite = new Rewrite(node, builder);
                entry.Apply(rewrite);
                graph.Node.Add(node);
                graph.Node.Add(rewrite.Followers);
            }
            else
            {
                graph.Node.Add(node);
            }
        }

        return Target;
    }

    private static void Split(Rewrite r)
    {
        if (r.Node.Ints("split") is not null) r.IntsToInput("split", 1);
        else if (r.Node.Input.Count < 2) r.Node.Set("num_outputs", r.Node.Output.Count);
    }

    // Before opset 13 softmax worked on the input flattened to two dimensions at `axis`.
    private static void FlattenedSoftmax(Rewrite r)
    {
        var axis = r.Node.Int("axis", 1);
        if (axis != -1)
        {
            var b = r.Builder;
            var x = b[r.Node.Input[0]];
            var y = r.Node.Output[0];
            var flat = b.Op("Flatten", [x], ("axis", axis));
            r.Node.Input[0] = flat.Name;
            r.Node.Output[0] = b.Fresh("softmax");
            r.After(y, "Reshape", b[r.Node.Output[0]], b.Op("Shape", [x]));
        }

        r.Node.Set("axis", -1L);
    }

    private static void Pad(Rewrite r)
    {
        r.IntsToInput("pads", 1);
        r.FloatsToInputs("value");
    }

    private static void Slice(Rewrite r)
    {
        r.IntsToInput("starts", 1);
        r.IntsToInput("ends", 2);
        r.IntsToInput("axes", 3);
    }

    private static void Upsample(Rewrite r)
    {
        r.Node.OpType = "Resize";
        if (r.Node.Find("scales") is { } scales)
        {
            r.Node.Attribute.Remove(scales);
            r.Node.Input.Add(r.Builder.Floats([.. scales.Floats], scales.Floats.Count).Name);
        }

        FirstResize(r);
    }

    // Resize of opset 10 and Upsample: output pixel i reads input coordinate i / scale, rounded down.
    private static void FirstResize(Rewrite r)
    {
        r.Node.Input.Insert(1, "");
        r.Node.Set("coordinate_transformation_mode", "asymmetric");
        r.Node.Set("nearest_mode", "floor");
        if (r.Node.Text("mode", "nearest") is "bilinear" or "trilinear") r.Node.Set("mode", "linear");
    }

    private sealed class Rewrite(NodeProto node, GraphBuilder builder)
    {
        public NodeProto Node => node;

        public GraphBuilder Builder => builder;

        public void IntsToInput(string attribute, int position)
        {
            if (node.Ints(attribute) is not { } values) return;
            node.Unset(attribute);
            SetInput(position, builder.Ints(values));
        }

        public void FloatsToInputs(params ReadOnlySpan<string> attributes)
        {
            for (var i = 0; i < attributes.Length; i++)
            {
                if (node.Find(attributes[i]) is not { } found) continue;
                var position = node.OpType == "Pad" ? 2 : i + 1;
                SetInput(position, builder.Scalar(found.F));
                node.Attribute.Remove(found);
            }
        }

        /// <summary>Emits a node behind this one that takes over its output's name.</summary>
        public void After(string output, string type, params ReadOnlySpan<Value> inputs)
        {
            var follower = GraphBuilder.Node("", type, inputs, []);
            follower.Output.Add(output);
            Followers.Add(follower);
        }

        public List<NodeProto> Followers { get; } = [];

        private void SetInput(int position, Value value)
        {
            while (node.Input.Count <= position) node.Input.Add("");
            node.Input[position] = value.Name;
        }
    }
}
