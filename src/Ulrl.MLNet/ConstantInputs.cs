using Microsoft.ML.Runtime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.MLNet;

/// <summary>
/// Model inputs besides the samples, fixed to one value for all of them: each becomes a Constant node, and an input
/// again in the purified model.
/// </summary>
internal sealed class ConstantInputs
{
    private readonly OnnxModel given;
    private readonly IReadOnlyDictionary<string, TensorProto> tensors;

    private ConstantInputs(OnnxModel given, OnnxModel model, IReadOnlyDictionary<string, TensorProto> tensors)
    {
        this.given = given;
        this.tensors = tensors;
        Model = model;
    }

    /// <summary>The model with the samples as its only input.</summary>
    public OnnxModel Model { get; }

    /// <exception cref="ArgumentException">An input does not exist, has no fixed shape, or takes another number of values.</exception>
    public static ConstantInputs Fix(IExceptionContext context, OnnxModel model, IReadOnlyDictionary<string, float[]> values)
    {
        if (values.Count == 0) return new ConstantInputs(model, model, new Dictionary<string, TensorProto>());
        var fixedModel = model.Clone();
        var graph = fixedModel.Proto.Graph;
        var tensors = new Dictionary<string, TensorProto>(StringComparer.Ordinal);
        foreach (var (name, value) in values)
        {
            var input = model.Inputs.FirstOrDefault(i => i.Name == name)
                ?? throw SchemaErrors.Option(context, nameof(PurifyBackdoorEstimator.Options.ConstantInputs), $"The model has no input '{name}'; its inputs are {string.Join(", ", model.Inputs.Select(i => i.Name))}");
            var tensor = tensors[name] = Tensor(context, input, value);
            graph.Input.Remove(graph.Input.First(i => i.Name == name));
            var node = new NodeProto { OpType = "Constant", Name = name };
            node.Output.Add(name);
            node.Set("value", tensor.Clone());
            graph.Node.Insert(0, node);
        }

        return new ConstantInputs(model, fixedModel, tensors);
    }

    /// <summary>The purified model with the inputs of the given one.</summary>
    /// <exception cref="InvalidOperationException">Training would have changed a constant: the model uses it as a weight.</exception>
    public OnnxModel Restore(IExceptionContext context, OnnxModel purified)
    {
        if (tensors.Count == 0) return purified;
        var restored = purified.Clone();
        var graph = restored.Proto.Graph;
        foreach (var node in graph.Node.Where(n => n.OpType == "Constant" && tensors.ContainsKey(n.Output[0])).ToList())
        {
            if (!node.Find("value")!.T.Equals(tensors[node.Output[0]]))
                throw context.Process(new InvalidOperationException($"The model's input '{node.Output[0]}' is used as a weight; only inputs that are no operand of a linear layer can be fixed"));
            graph.Node.Remove(node);
        }

        graph.Input.Clear();
        graph.Input.AddRange(given.Proto.Graph.Input.Select(i => i.Clone()));
        return restored;
    }

    private static TensorProto Tensor(IExceptionContext context, OnnxValueInfo input, float[] value)
    {
        if (input.Dimensions is null || input.Dimensions.Any(d => !d.IsFixed))
            throw SchemaErrors.Option(context, nameof(PurifyBackdoorEstimator.Options.ConstantInputs), $"The model's input '{input}' has no fixed shape; only such an input can be a constant");
        long[] dims = [.. input.Dimensions.Select(d => d.Value!.Value)];
        if (dims.Aggregate(1L, (a, b) => a * b) != value.Length)
            throw SchemaErrors.Option(context, nameof(PurifyBackdoorEstimator.Options.ConstantInputs), $"The model's input '{input}' does not take {value.Length} values");
        return input.ElementType switch
        {
            OnnxElementType.Int64 => TensorData.Create(input.Name, dims, Array.ConvertAll(value, v => (long)v)),
            OnnxElementType.Float => TensorData.Create(input.Name, dims, value),
            OnnxElementType.Bool => Truths(input.Name, dims, value),
            _ => throw SchemaErrors.Option(context, nameof(PurifyBackdoorEstimator.Options.ConstantInputs), $"The model's input '{input}' cannot be a constant; inputs of the types Float, Int64 and Bool can"),
        };
    }

    private static TensorProto Truths(string name, long[] dims, float[] value)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)DataType.Bool };
        tensor.Dims.AddRange(dims);
        tensor.RawData = Google.Protobuf.ByteString.CopyFrom(Array.ConvertAll(value, v => v == 0f ? (byte)0 : (byte)1));
        return tensor;
    }
}
