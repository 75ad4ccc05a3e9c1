using Ulrl.Training.Onnx;

namespace Ulrl.Cli.Documents;

/// <summary>A tensor in machine output: sizes as numbers, open dimensions by name.</summary>
internal sealed record TensorDocument(string Name, string Type, IReadOnlyList<string>? Shape)
{
    public static TensorDocument Of(OnnxValueInfo value) =>
        new(value.Name, value.ElementType.ToString(), value.Dimensions?.Select(d => d.ToString()).ToArray());

    public static TensorDocument Of(OnnxInitializer initializer) =>
        new(initializer.Name, initializer.ElementType.ToString(), [.. initializer.Shape.Select(d => $"{d}")]);
}
