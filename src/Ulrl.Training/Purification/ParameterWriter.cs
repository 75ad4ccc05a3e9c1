using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Purification;

/// <summary>Puts trained values back into the model they came from, in each initializer's own element type.</summary>
internal static class ParameterWriter
{
    /// <exception cref="InvalidModelException">A value is not finite, or too large for the initializer's element type.</exception>
    public static OnnxModel Write(OnnxModel model, ForwardGraph forward, IReadOnlyDictionary<string, float[]> values)
    {
        var copy = model.Clone();
        var constants = copy.Proto.Graph.Node
            .Where(n => n.OpType == "Constant" && n.Find("value") is not null)
            .ToDictionary(n => n.Output[0], n => n.Find("value")!.T, StringComparer.Ordinal);
        foreach (var tensor in copy.Proto.Graph.Initializer) constants[tensor.Name] = tensor;
        var nodes = copy.Proto.Graph.Node.Where(n => n.Output.Count > 0).ToDictionary(n => n.Output[0], StringComparer.Ordinal);
        foreach (var (name, trained) in values)
        {
            var tensor = forward.SplitStatistics.TryGetValue(name, out var split)
                ? AddStatistic(copy.Proto.Graph, nodes[split.NodeOutput], split.Input, name, trained.Length)
                : constants[name];
            TensorData.WriteFloats(tensor, trained);
            if (TensorData.ReadFloats(tensor).Any(v => !float.IsFinite(v)))
            {
                throw new InvalidModelException($"{model.Label}: training left a value in '{name}' that its element type cannot hold; lower the learning rate.");
            }
        }

        return copy;
    }

    // The statistic shared its initializer with something that was trained to another value.
    private static TensorProto AddStatistic(GraphProto graph, NodeProto node, int input, string name, int channels)
    {
        var tensor = TensorData.Create(name, [channels], new float[channels]);
        var scale = graph.Initializer.FirstOrDefault(t => t.Name == node.Input[1]);
        if (scale is not null) tensor.DataType = scale.DataType;
        graph.Initializer.Add(tensor);
        node.Input[input] = name;
        return tensor;
    }
}
