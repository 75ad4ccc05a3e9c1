using TorchSharp;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>ONNX tensors as libtorch's.</summary>
internal static class TensorConversion
{
    private static readonly Dictionary<DataType, torch.ScalarType> Types = new()
    {
        [DataType.Float] = torch.ScalarType.Float32,
        [DataType.Float16] = torch.ScalarType.Float32,
        [DataType.Bfloat16] = torch.ScalarType.Float32,
        [DataType.Double] = torch.ScalarType.Float32,
        [DataType.Int64] = torch.ScalarType.Int64,
        [DataType.Int32] = torch.ScalarType.Int32,
        [DataType.Int16] = torch.ScalarType.Int16,
        [DataType.Int8] = torch.ScalarType.Int8,
        [DataType.Uint8] = torch.ScalarType.Byte,
        [DataType.Bool] = torch.ScalarType.Bool,
    };

    public static bool IsSupported(DataType type) => Types.ContainsKey(type);

    /// <summary>libtorch's type; every floating-point type is computed in single precision.</summary>
    public static torch.ScalarType ElementType(DataType type) => Types[type];

    /// <summary>A copy of a tensor on the CPU.</summary>
    public static Tensor ToTensor(TensorProto tensor)
    {
        var type = ElementType((DataType)tensor.DataType);
        long[] dims = [.. tensor.Dims];
        return type == torch.ScalarType.Float32
            ? torch.tensor(TensorData.ReadFloats(tensor), dims)
            : torch.tensor(TensorData.ReadIntegers(tensor), dims).to(type);
    }
}
