using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>The nodes between the parameters and the logits, where a gradient must pass.</summary>
internal static class GradientPath
{
    /// <summary>Refuses a path with a node that has no gradient rule.</summary>
    /// <param name="graph">Graph in which every node leads to the logits.</param>
    /// <param name="logits">Tensor the gradient starts from.</param>
    /// <param name="parameters">Tensors it must reach.</param>
    /// <param name="opset">Opset that the model imports for a domain, for the message.</param>
    /// <returns>The tensors that it does reach.</returns>
    /// <exception cref="UnsupportedOperatorException">A node on the path has no gradient rule.</exception>
    public static IReadOnlyList<string> Check(GraphProto graph, string logits, IReadOnlyCollection<string> parameters, Func<string, long> opset)
    {
        var rules = GradientRules.Standard;
        var reached = new HashSet<string>(parameters, StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            if (!rules.IsConstant(node) && !LeavesFloats(node) && node.Input.Any(reached.Contains)) reached.UnionWith(node.Output);
        }

        var asked = new HashSet<string>(StringComparer.Ordinal) { logits };
        for (var i = graph.Node.Count - 1; i >= 0; i--)
        {
            var node = graph.Node[i];
            if (rules.IsConstant(node) || LeavesFloats(node) || !node.Output.Any(asked.Contains) || !node.Input.Any(reached.Contains)) continue;
            var rule = rules.Find(node) ?? throw new UnsupportedOperatorException(
                node.Label(), node.OpType, node.Domain, opset(node.Domain), "there is no gradient rule for it; export the model with standard operators");
            asked.UnionWith(node.Input.Where((_, position) => rule.Passes(position)));
        }

        return [.. parameters.Where(asked.Contains)];
    }

    private static bool LeavesFloats(NodeProto node) =>
        node.OpType == "Cast" && node.IsStandard()
        && (DataType)node.Int("to", 1) is not (DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Double);
}
