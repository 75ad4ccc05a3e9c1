using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints;

/// <summary>Element types of checkpoints under their names in PyTorch and safetensors.</summary>
internal static class ElementTypes
{
    private static readonly (OnnxElementType Type, int Bytes, string Torch, string? Storage, string Safe, int? TorchSharp)[] All =
    [
        (OnnxElementType.Float, 4, "float32", "FloatStorage", "F32", 6),
        (OnnxElementType.Double, 8, "float64", "DoubleStorage", "F64", 7),
        (OnnxElementType.Float16, 2, "float16", "HalfStorage", "F16", 5),
        (OnnxElementType.BFloat16, 2, "bfloat16", "BFloat16Storage", "BF16", 15),
        (OnnxElementType.Int64, 8, "int64", "LongStorage", "I64", 4),
        (OnnxElementType.Int32, 4, "int32", "IntStorage", "I32", 3),
        (OnnxElementType.Int16, 2, "int16", "ShortStorage", "I16", 2),
        (OnnxElementType.Int8, 1, "int8", "CharStorage", "I8", 1),
        (OnnxElementType.UInt8, 1, "uint8", "ByteStorage", "U8", 0),
        (OnnxElementType.Bool, 1, "bool", "BoolStorage", "BOOL", 11),
        (OnnxElementType.UInt16, 2, "uint16", null, "U16", null),
        (OnnxElementType.UInt32, 4, "uint32", null, "U32", null),
        (OnnxElementType.UInt64, 8, "uint64", null, "U64", null),
    ];

    /// <summary>Bytes of one element; 0 for types that checkpoints do not hold here.</summary>
    public static int Size(OnnxElementType type) => Array.Find(All, entry => entry.Type == type).Bytes;

    /// <summary>The type of a <c>torch.…Storage</c>, or null.</summary>
    public static OnnxElementType? OfStorage(string name) => Of(Array.Find(All, entry => entry.Storage == name));

    /// <summary>The type of a <c>torch</c> dtype, or null.</summary>
    public static OnnxElementType? OfTorch(string name) => Of(Array.Find(All, entry => entry.Torch == name));

    /// <summary>The type of a safetensors dtype, or null.</summary>
    public static OnnxElementType? OfSafeTensors(string name) => Of(Array.Find(All, entry => entry.Safe == name));

    /// <summary>Name of the storage class that <c>torch.save</c> gives a type; null where PyTorch 1 has none.</summary>
    public static string? StorageName(OnnxElementType type) => Array.Find(All, entry => entry.Type == type).Storage;

    /// <summary>The type of a number in TorchSharp's files (its <c>torch.ScalarType</c>), or null.</summary>
    public static OnnxElementType? OfTorchSharp(long code) => Of(Array.Find(All, entry => entry.TorchSharp == code));

    /// <summary>The number of a type in TorchSharp's files; null where it has none.</summary>
    public static int? TorchSharpCode(OnnxElementType type) => Array.Find(All, entry => entry.Type == type).TorchSharp;

    private static OnnxElementType? Of((OnnxElementType Type, int Bytes, string, string?, string, int?) entry) =>
        entry.Bytes == 0 ? null : entry.Type;
}
