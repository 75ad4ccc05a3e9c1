using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Purification;

/// <summary>Puts trained values back into the model they came from, in each initializer's own element type.</summary>
internal static class ParameterWriter
{
    /// <exception cref="InvalidModelException">A value is not finite, or too large for the initializer's element type.</exception>
    public static OnnxModel Write(OnnxModel model, IReadOnlyDictionary<string, float[]> values)
    {
        var copy = model.Clone();
        var constants = copy.Proto.Graph.Node
            .Where(n => n.OpType == "Constant" && n.Find("value") is not null)
            .ToDictionary(n => n.Output[0], n => n.Find("value")!.T, StringComparer.Ordinal);
        foreach (var tensor in copy.Proto.Graph.Initializer) constants[tensor.Name] = tensor;
        foreach (var (name, trained) in values)
        {
            var tensor = constants[name];
            TensorData.WriteFloats(tensor, trained);
            if (TensorData.ReadFloats(tensor).Any(v => !float.IsFinite(v)))
            {
                throw new InvalidModelException($"{model.Label}: training left a value in '{name}' that its element type cannot hold; lower the learning rate.");
            }
        }

        return copy;
    }
}
