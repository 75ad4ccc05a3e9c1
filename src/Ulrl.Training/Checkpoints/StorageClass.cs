using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints;

/// <summary>A storage class of PyTorch, named in a pickle.</summary>
/// <param name="ElementType">Type of the elements; null for <c>UntypedStorage</c>.</param>
internal sealed record StorageClass(OnnxElementType? ElementType)
{
    /// <summary>Bytes of one element.</summary>
    public int ElementBytes => ElementType is { } type ? ElementTypes.Size(type) : 1;
}
