using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Checkpoints;

/// <summary>Moves weights between a state dict and the initializers of a graph, by name.</summary>
internal static class CheckpointWeights
{
    public static OnnxModel Apply(IReadOnlyDictionary<string, CheckpointTensor> tensors, OnnxModel skeleton)
    {
        var model = skeleton.Clone();
        List<string> missing = [], misshapen = [];
        foreach (var initializer in model.Proto.Graph.Initializer)
        {
            if (!tensors.TryGetValue(initializer.Name, out var tensor))
            {
                if (IsFloatingPoint((OnnxElementType)initializer.DataType)) missing.Add($"'{initializer.Name}'");
            }
            else if (!SameShape(initializer, tensor))
            {
                misshapen.Add(Differs(initializer, tensor));
            }
            else if (IsFloatingPoint((OnnxElementType)initializer.DataType))
            {
                TensorData.WriteFloats(initializer, tensor.ToSingles());
            }
        }

        Check($"the checkpoint does not hold the weights of {skeleton.Label}", missing, misshapen, "give the graph that this network was exported as, with its parameters' own names");
        return model;
    }

    public static OrderedDictionary<string, CheckpointTensor> Replace(OrderedDictionary<string, CheckpointTensor> tensors, OnnxModel model)
    {
        var initializers = model.Proto.Graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var result = new OrderedDictionary<string, CheckpointTensor>(StringComparer.Ordinal);
        List<string> misshapen = [];
        var replaced = 0;
        foreach (var (name, tensor) in tensors)
        {
            var found = initializers.GetValueOrDefault(name);
            if (found is not null && !SameShape(found, tensor)) misshapen.Add(Differs(found, tensor));
            var usable = found is not null && IsFloatingPoint(tensor.ElementType) && SameShape(found, tensor);
            result.Add(name, usable ? tensor.WithValues(TensorData.ReadFloats(found!)) : tensor);
            replaced += usable ? 1 : 0;
        }

        Check($"{model.Label} does not hold the checkpoint's weights", replaced == 0 ? [.. tensors.Keys.Select(k => $"'{k}'")] : [], misshapen, "give a model that was made from this checkpoint");
        return result;
    }

    private static bool IsFloatingPoint(OnnxElementType type) =>
        type is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16;

    private static bool SameShape(TensorProto initializer, CheckpointTensor tensor) => initializer.Dims.SequenceEqual(tensor.Shape);

    private static string Differs(TensorProto initializer, CheckpointTensor tensor) =>
        $"'{initializer.Name}' is [{string.Join(", ", initializer.Dims)}] in the graph and [{string.Join(", ", tensor.Shape)}] in the checkpoint";

    private static void Check(string what, List<string> missing, List<string> misshapen, string advice)
    {
        string[] complaints = [.. StateDictNames.List("missing", missing), .. StateDictNames.List("of another shape", misshapen)];
        if (complaints.Length > 0) throw new CheckpointException($"{what}: {string.Join("; ", complaints)}; {advice}");
    }
}
