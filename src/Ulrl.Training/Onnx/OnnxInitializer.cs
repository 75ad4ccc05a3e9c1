using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>A constant tensor of a model's graph, usually a parameter: its name, element type and shape.</summary>
public sealed class OnnxInitializer
{
    internal OnnxInitializer(TensorProto proto)
    {
        Name = proto.Name;
        ElementType = (OnnxElementType)proto.DataType;
        Shape = [.. proto.Dims];
        ElementCount = TensorData.ElementCount(proto);
    }

    /// <summary>Name of the tensor.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>Size of each dimension, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>For example <c>fc.weight: Float[10,128]</c>.</summary>
    public override string ToString() => $"{Name}: {ElementType}[{string.Join(',', Shape)}]";
}
