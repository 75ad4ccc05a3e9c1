using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>One entry of the state dict that an architecture takes its weights from.</summary>
/// <param name="Name">Its name in PyTorch, e.g. <c>layer1.0.bn1.running_mean</c>.</param>
/// <param name="Shape">Its shape in PyTorch's layout, e.g. [out, in, height, width] of a convolution.</param>
/// <param name="ElementType">Element type that the network computes in.</param>
public sealed record ArchitectureParameter(string Name, IReadOnlyList<long> Shape, OnnxElementType ElementType);
