using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Methods;

/// <summary>What a method made of a model.</summary>
/// <param name="Model">The purified model.</param>
/// <param name="Flagged">The classes that it aimed at; empty where there are none, or where the method does not choose any.</param>
internal sealed record MethodResult(OnnxModel Model, IReadOnlyList<int> Flagged);
