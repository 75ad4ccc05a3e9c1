using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Purification;

/// <summary>
/// The last linear layer of a classifier (ULRL, arXiv 2405.14781: the layer whose rows are the neurons, one per class).
/// </summary>
/// <param name="Weight">Initializer with the weights.</param>
/// <param name="Bias">Initializer with the biases; null where the layer has none.</param>
/// <param name="ClassAxis">Dimension of <paramref name="Weight"/> that counts the classes, 0 or 1.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Features">Weights per class.</param>
/// <param name="Operator">The layer's ONNX operator: Gemm, MatMul or Conv.</param>
/// <param name="Node">Name of its node.</param>
public sealed record ClassifierLayer(string Weight, string? Bias, int ClassAxis, int Classes, int Features, string Operator, string Node)
{
    // Operators between the classifier layer and the logits that keep classes apart.
    private static readonly HashSet<string> PassThrough = new(StringComparer.Ordinal)
    {
        "AveragePool", "Cast", "Clip", "Dropout", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "Identity", "LogSoftmax", "MaxPool",
        "ReduceMean", "ReduceMax", "Relu", "Reshape", "Softmax", "Squeeze", "Transpose", "Unsqueeze",
    };

    /// <summary>Finds the layer by walking back from the logits: Gemm, MatMul and Add, or a convolution before pooling.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="weight">Initializer with the layer's weights; null to find it.</param>
    /// <param name="outputName">Output that holds the logits; null for the first.</param>
    /// <exception cref="InvalidModelException">There is no such layer, or the walk meets something else first.</exception>
    public static ClassifierLayer Find(OnnxModel model, string? weight = null, string? outputName = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new Search(model).Run(weight, ModelInterface.Of(model, outputName).OutputName);
    }

    /// <summary>The weights of every class one after the other, whatever the layout of the initializer.</summary>
    internal float[] Rows(ReadOnlySpan<float> values)
    {
        var rows = new float[values.Length];
        for (var c = 0; c < Classes; c++)
        {
            for (var f = 0; f < Features; f++) rows[(c * Features) + f] = values[Index(c, f)];
        }

        return rows;
    }

    /// <summary>Position of a weight in the initializer.</summary>
    internal int Index(int neuron, int feature) => ClassAxis == 0 ? (neuron * Features) + feature : (feature * Classes) + neuron;

    private sealed class Search
    {
        private readonly OnnxModel model;
        private readonly GraphProto graph;
        private readonly Dictionary<string, NodeProto> producers = new(StringComparer.Ordinal);
        private readonly Dictionary<string, TensorProto> constants = new(StringComparer.Ordinal);

        public Search(OnnxModel model)
        {
            this.model = model;
            graph = model.Proto.Graph;
            foreach (var tensor in graph.Initializer) constants[tensor.Name] = tensor;
            foreach (var node in graph.Node)
            {
                foreach (var output in node.Output) producers[output] = node;
                if (node.OpType == "Constant" && node.Find("value")?.T is { } tensor) constants[node.Output[0]] = tensor;
            }
        }

        public ClassifierLayer Run(string? weight, string output)
        {
            if (weight is not null && !constants.ContainsKey(weight))
            {
                throw new InvalidModelException($"{model.Label}: there is no initializer '{weight}' to be the classifier layer's weight.");
            }

            var tensor = output;
            string? bias = null;
            while (producers.TryGetValue(tensor, out var node))
            {
                if (node.OpType is "Gemm" or "MatMul" or "Conv" && Layer(node, bias) is { } layer && (weight is null || layer.Weight == weight)) return layer;
                if (node.OpType is "Add" && Operand(node) is { } added)
                {
                    bias = added.Constant;
                    tensor = added.Other;
                }
                else if (node.OpType is "Mul" or "Div" or "Sub" && Operand(node) is { } scaled)
                {
                    tensor = scaled.Other;
                }
                else if (PassThrough.Contains(node.OpType) || weight is not null)
                {
                    tensor = node.Input[0];
                }
                else
                {
                    throw new InvalidModelException($"{model.Label}: no classifier layer was found: node '{node.Label()}' ({node.OpType}) stands before the output '{output}'; name the initializer of the last linear layer.");
                }
            }

            throw new InvalidModelException($"{model.Label}: no classifier layer was found before the output '{output}'{(weight is null ? "; name the initializer of the last linear layer" : $" with the weight '{weight}'")}.");
        }

        private (string Constant, string Other)? Operand(NodeProto node)
        {
            if (constants.ContainsKey(node.Input[1])) return (node.Input[1], node.Input[0]);
            return constants.ContainsKey(node.Input[0]) ? (node.Input[0], node.Input[1]) : null;
        }

        private ClassifierLayer? Layer(NodeProto node, string? bias)
        {
            if (node.OpType == "Gemm")
            {
                var transposed = node.Int("transB", 0) != 0;
                return Create(node, node.Input[1], transposed ? 0 : 1, node.Input.Count > 2 && node.Input[2].Length > 0 ? node.Input[2] : bias);
            }

            if (node.OpType == "Conv") return Create(node, node.Input[1], 0, node.Input.Count > 2 ? node.Input[2] : bias);
            return Create(node, node.Input[1], 1, bias) ?? Create(node, node.Input[0], 0, bias);
        }

        // Follows the weight through the nodes an exporter may put between it and the layer.
        private ClassifierLayer? Create(NodeProto node, string weight, int classAxis, string? bias)
        {
            while (!constants.ContainsKey(weight) && producers.TryGetValue(weight, out var before) && before.OpType is "Identity" or "Cast" or "Transpose")
            {
                before = producers[weight];
                if (before.OpType == "Transpose") classAxis = 1 - classAxis;
                weight = before.Input[0];
            }

            if (!constants.TryGetValue(weight, out var tensor) || tensor.Dims.Count < 2 || (tensor.Dims.Count > 2 && classAxis != 0)) return null;
            var classes = tensor.Dims[classAxis];
            var count = TensorData.ElementCount(tensor);
            if (classes < 2 || count > int.MaxValue) return null;
            var biasName = bias is not null && constants.TryGetValue(bias, out var values) && TensorData.ElementCount(values) == classes ? bias : null;
            return new ClassifierLayer(weight, biasName, classAxis, (int)classes, (int)(count / classes), node.OpType, node.Label());
        }
    }
}
