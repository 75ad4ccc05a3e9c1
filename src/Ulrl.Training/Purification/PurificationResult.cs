using Ulrl.Training.Onnx;

namespace Ulrl.Training.Purification;

/// <summary>A purified model and the report on it.</summary>
/// <param name="Model">The given graph, node for node, with the relearned parameters.</param>
/// <param name="Report">What was done and measured.</param>
public sealed record PurificationResult(OnnxModel Model, PurificationReport Report);
