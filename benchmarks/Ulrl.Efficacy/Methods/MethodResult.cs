using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Methods;

/// <summary>What a method made of a model.</summary>
/// <param name="Model">The purified model.</param>
/// <param name="Flagged">The classes that it aimed at; empty where there are none, or where the method does not choose any.</param>
/// <param name="Confidence">Confidence that the given model is backdoored, 0 to 1; null where the method does not say.</param>
internal sealed record MethodResult(OnnxModel Model, IReadOnlyList<int> Flagged, double? Confidence = null);
