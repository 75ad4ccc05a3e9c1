namespace Ulrl.TorchSharp;

/// <summary>How a module is written as ONNX.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>Name of the graph's input; "input" by default.</summary>
    public string InputName { get; init; } = "input";

    /// <summary>Name of the graph's output; "logits" by default.</summary>
    public string OutputName { get; init; } = "logits";

    /// <summary>
    /// Which dimension of the example counts the samples, and is left open in the model: 0 by default; 1 for modules that take
    /// [length, batch, features], as TorchSharp's transformers do; null for a model whose input has the example's shape exactly.
    /// </summary>
    public int? BatchDimension { get; init; } = 0;

    /// <summary>Opset of the model, 18 (default) to 23. From 20 on GELU is one node, from 21 on group normalisation.</summary>
    public int Opset { get; init; } = 18;

    /// <summary>
    /// Largest difference, 1e-4 by default, between what a module and its nodes compute on the example: absolute for values up to 1,
    /// relative beyond.
    /// </summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>
    /// Number of heads of attention layers by their path, e.g. <c>encoder.self_attn</c>. TorchSharp does not tell it, so the exporter
    /// finds it by trying; it is needed only where several numbers give the same result, as with weights of zero.
    /// </summary>
    public IReadOnlyDictionary<string, int> Heads { get; init; } = new Dictionary<string, int>();
}
