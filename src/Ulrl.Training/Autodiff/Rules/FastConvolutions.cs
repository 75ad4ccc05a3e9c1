using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Replaces convolutions of a forward pass by their bilinear form where that is faster.</summary>
internal static class FastConvolutions
{
    /// <summary>Rewrites the graph in place; only after differentiation, which reads the nodes as they were.</summary>
    /// <param name="b">Builder over the graph.</param>
    /// <param name="probe">Shapes of the forward pass.</param>
    /// <param name="forwardNodes">Number of nodes of the forward pass; they come first.</param>
    public static void Apply(GraphBuilder b, Probe probe, int forwardNodes)
    {
        var nodes = b.Graph.Node.ToArray();
        b.Graph.Node.Clear();
        for (var i = 0; i < nodes.Length; i++)
        {
            if (i >= forwardNodes || nodes[i].OpType != "Conv" || Find(probe, nodes[i]) is not { } fast)
            {
                b.Graph.Node.Add(nodes[i]);
                continue;
            }

            var node = nodes[i];
            var y = fast.Forward(b, b[node.Input[0]], b[node.Input[1]]);
            var biased = node.Input.Count > 2 && node.Input[2].Length > 0;
            if (biased) b.Assign(node.Output[0], "Add", [y, b.Op("Reshape", [b[node.Input[2]], b.Ints(-1, 1, 1)])]);
            else b.Assign(node.Output[0], "Identity", [y]);
        }
    }

    private static BilinearConvolution? Find(Probe probe, NodeProto node) =>
        BilinearConvolution.Find(node, probe.Shape(node.Input[0]), probe.Shape(node.Input[1]), probe.Shape(node.Output[0]));
}
