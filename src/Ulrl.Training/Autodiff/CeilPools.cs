using Ulrl.Training.Autodiff.Rules;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// Writes pools that round their output size up as pools with explicit padding at the end. ONNX's shape inference
/// before opset 19 counts a last window that lies wholly in the padding, which the kernels leave out: the gradient
/// has the kernel's shape, and the runtime would refuse the two in one graph.
/// </summary>
internal static class CeilPools
{
    /// <summary>Rewrites the graph in place.</summary>
    public static void Apply(GraphProto graph, Probe probe)
    {
        foreach (var node in graph.Node)
        {
            var pools = node.OpType == "MaxPool" || (node.OpType == "AveragePool" && node.Int("count_include_pad", 0) == 0);
            if (!pools || !node.IsStandard() || node.Int("ceil_mode", 0) == 0 || node.Text("auto_pad", "NOTSET") != "NOTSET") continue;
            var (x, y) = (probe.Shape(node.Input[0]), probe.Shape(node.Output[0]));
            if (!x[2..].Concat(y[2..]).All(d => d.IsFixed)) continue;
            long[] dense = [.. x[2..].Select(d => d.Size)];
            long[] steps = [.. y[2..].Select(d => d.Size)];
            var window = Window.Of(node, null, dense, steps);
            var end = dense.Select((size, i) => window.Reach(steps, i) - size - window.PadsBegin[i]).ToArray();
            if (end.Where((e, i) => e >= window.Kernel[i]).Any()) continue;
            node.Set("pads", (long[])[.. window.PadsBegin, .. end.Select(e => Math.Max(0, e))]);
            node.Unset("ceil_mode");
        }
    }
}
