using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>The data input and the logits of a classifier, found in its graph.</summary>
/// <param name="InputName">The one graph input that is no initializer.</param>
/// <param name="InputType">Its element type.</param>
/// <param name="SampleShape">Its dimensions without the batch; −1 where the model leaves one open.</param>
/// <param name="FixedBatch">The batch size where the model fixes it.</param>
/// <param name="OutputName">The graph output that holds logits, probabilities or log-probabilities.</param>
/// <param name="Logits">The tensor before a final Softmax or LogSoftmax; the output itself where there is none.</param>
internal sealed record ModelInterface(
    string InputName,
    DataType InputType,
    IReadOnlyList<long> SampleShape,
    long? FixedBatch,
    string OutputName,
    string Logits)
{
    public static ModelInterface Of(OnnxModel model, string? outputName)
    {
        var graph = model.Proto.Graph;
        var initializers = graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var inputs = graph.Input.Where(i => !initializers.Contains(i.Name)).ToList();
        if (inputs.Count != 1)
        {
            throw new InvalidModelException($"{model.Label}: a classifier with one data input is expected, this model has {inputs.Count}{(inputs.Count == 0 ? "" : ": " + string.Join(", ", inputs.Select(i => i.Name)))}.");
        }

        var input = inputs[0];
        var type = (DataType)(input.Type?.TensorType?.ElemType ?? 0);
        if (type is not (DataType.Float or DataType.Float16 or DataType.Double or DataType.Bfloat16))
        {
            throw new InvalidModelException($"{model.Label}: input '{input.Name}' holds {type}, a floating-point tensor is expected.");
        }

        var dims = input.Type!.TensorType.Shape?.Dim.Select(d => d.HasDimValue && d.DimValue > 0 ? d.DimValue : -1).ToArray();
        if (dims is null || dims.Length < 2)
        {
            throw new InvalidModelException($"{model.Label}: input '{input.Name}' has no shape of at least two dimensions (batch first); export the model with its input shape.");
        }

        var output = Output(model, outputName);
        return new ModelInterface(input.Name, type, dims[1..], dims[0] > 0 ? dims[0] : null, output, LogitsBefore(graph, output));
    }

    private static string Output(OnnxModel model, string? outputName)
    {
        var outputs = model.Proto.Graph.Output;
        if (outputName is not null)
        {
            return outputs.Any(o => o.Name == outputName)
                ? outputName
                : throw new InvalidModelException($"{model.Label}: there is no output '{outputName}'; the outputs are {string.Join(", ", outputs.Select(o => o.Name))}.");
        }

        // Models that also answer the label itself (scikit-learn's) name it first.
        return (outputs.FirstOrDefault(HoldsScores) ?? outputs.FirstOrDefault())?.Name
            ?? throw new InvalidModelException($"{model.Label}: the graph has no output.");
    }

    // Scores, or the maps that ZipMap makes of them.
    private static bool HoldsScores(ValueInfoProto output) =>
        output.Type?.TensorType is not { } tensor
        || (DataType)tensor.ElemType is DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Double;

    private static string LogitsBefore(GraphProto graph, string output)
    {
        var producers = new Dictionary<string, NodeProto>(StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            foreach (var name in node.Output) producers[name] = node;
        }

        var tensor = output;
        var wrapped = output;
        while (producers.TryGetValue(tensor, out var node))
        {
            if (node.OpType is "Softmax" or "LogSoftmax" && node.IsStandard()) return node.Input[0];
            var zipped = node.OpType == "ZipMap" && node.Domain == "ai.onnx.ml";
            if (!zipped && !(node.OpType is "Identity" or "Cast" && node.IsStandard())) break;
            tensor = node.Input[0];
            if (zipped) wrapped = tensor;
        }

        return wrapped;
    }
}
