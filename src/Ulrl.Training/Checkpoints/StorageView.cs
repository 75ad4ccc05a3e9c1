using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints;

/// <summary>A storage as a pickle refers to it.</summary>
/// <param name="Storage">Its memory.</param>
/// <param name="ElementType">Type of its elements; null for untyped bytes.</param>
/// <param name="Offset">First element of the view.</param>
/// <param name="Count">Number of elements, or of bytes where untyped.</param>
internal sealed record StorageView(TensorStorage Storage, OnnxElementType? ElementType, long Offset, long Count);
