using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>An input or output of a model: its name, element type and shape.</summary>
public sealed class OnnxValueInfo
{
    internal OnnxValueInfo(ValueInfoProto proto)
    {
        Name = proto.Name;
        if (proto.Type?.TensorType is not { } tensor)
            return;

        ElementType = (OnnxElementType)tensor.ElemType;
        if (tensor.Shape is null)
            return;

        var dimensions = new OnnxDimension[tensor.Shape.Dim.Count];
        for (int i = 0; i < dimensions.Length; i++)
        {
            TensorShapeProto.Types.Dimension dim = tensor.Shape.Dim[i];
            // Some exporters write -1 for a dimension that they do not know.
            dimensions[i] = dim.HasDimValue && dim.DimValue >= 0 ? new OnnxDimension(dim.DimValue, null)
                : dim.HasDimParam && dim.DimParam.Length > 0 ? new OnnxDimension(null, dim.DimParam)
                : default;
        }

        Dimensions = dimensions;
    }

    /// <summary>Name of the value.</summary>
    public string Name { get; }

    /// <summary>Element type; <see cref="OnnxElementType.Undefined"/> for a value that is not a tensor (a sequence, a map) or has no type.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar, null where the model does not say how many there are.</summary>
    public IReadOnlyList<OnnxDimension>? Dimensions { get; }

    /// <summary>For example <c>input: Float[batch,3,32,32]</c>.</summary>
    public override string ToString() => $"{Name}: {ElementType}{(Dimensions is null ? "" : $"[{string.Join(',', Dimensions)}]")}";
}
