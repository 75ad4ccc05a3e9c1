using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints;

/// <summary>Puts the weights of a state dict into the initializers of a graph, by name.</summary>
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
            else if (!initializer.Dims.SequenceEqual(tensor.Shape))
            {
                misshapen.Add($"'{initializer.Name}' is [{string.Join(", ", initializer.Dims)}] in the graph and [{string.Join(", ", tensor.Shape)}] in the checkpoint");
            }
            else if (IsFloatingPoint((OnnxElementType)initializer.DataType))
            {
                TensorData.WriteFloats(initializer, tensor.ToSingles());
            }
        }

        string[] complaints = [.. StateDictNames.List("missing", missing), .. StateDictNames.List("of another shape", misshapen)];
        return complaints.Length == 0
            ? model
            : throw new CheckpointException($"the checkpoint does not hold the weights of {skeleton.Label}: {string.Join("; ", complaints)}; give the graph that this network was exported as, with its parameters' own names");
    }

    private static bool IsFloatingPoint(OnnxElementType type) =>
        type is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16;
}
