using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Runtime;

/// <summary>A tensor of a model that the runtime reads where it lies, without a copy.</summary>
internal sealed class PinnedTensor : IDisposable
{
    private GCHandle handle;

    /// <param name="tensor">A tensor that <see cref="Fits"/>; it must not change meanwhile.</param>
    public PinnedTensor(TensorProto tensor)
    {
        if (!MemoryMarshal.TryGetArray(tensor.RawData.Memory, out var bytes)) throw new ArgumentException("The tensor does not lie in an array.", nameof(tensor));
        handle = GCHandle.Alloc(bytes.Array, GCHandleType.Pinned);
        var address = handle.AddrOfPinnedObject() + bytes.Offset;
        Value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, TensorElementType.Float, [.. tensor.Dims], address, tensor.RawData.Length);
    }

    public OrtValue Value { get; }

    /// <summary>Whether the tensor's bytes are those that the runtime reads.</summary>
    public static bool Fits(TensorProto tensor) => tensor.DataType == (int)DataType.Float
        && tensor.RawData.Length > 0 && BitConverter.IsLittleEndian && MemoryMarshal.TryGetArray(tensor.RawData.Memory, out _);

    public void Dispose()
    {
        Value.Dispose();
        handle.Free();
    }
}
