using Ulrl.Training.Onnx.Proto;
using static Ulrl.Training.Onnx.Proto.AttributeProto.Types;

namespace Ulrl.Training.Onnx;

/// <summary>Whether an attribute's declared type and the field that holds its value agree.</summary>
internal static class AttributeValues
{
    /// <summary>True where the type is one that ONNX defines, no field of another type is set, and a message-valued one is there.</summary>
    public static bool Agree(AttributeProto a)
    {
        AttributeType type = a.Type;
        return type != AttributeType.Undefined && Enum.IsDefined(type)
            && Fits(a.HasF, AttributeType.Float)
            && Fits(a.HasI, AttributeType.Int)
            && Fits(a.HasS, AttributeType.String)
            && (a.T is not null) == (type == AttributeType.Tensor)
            && (a.G is not null) == (type == AttributeType.Graph)
            && (a.SparseTensor is not null) == (type == AttributeType.SparseTensor)
            && Fits(a.Floats.Count > 0, AttributeType.Floats)
            && Fits(a.Ints.Count > 0, AttributeType.Ints)
            && Fits(a.Strings.Count > 0, AttributeType.Strings)
            && Fits(a.Tensors.Count > 0, AttributeType.Tensors)
            && Fits(a.Graphs.Count > 0, AttributeType.Graphs)
            && Fits(a.SparseTensors.Count > 0, AttributeType.SparseTensors);

        // A scalar that is left out stands for its default, a list for an empty one.
        bool Fits(bool present, AttributeType field) => !present || type == field;
    }
}
