using System.Numerics;
using System.Runtime.InteropServices;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Checkpoints;

/// <summary>A tensor of a checkpoint; values come out in row-major order, however the file stores them.</summary>
public sealed class CheckpointTensor
{
    private readonly TensorStorage storage;
    private readonly long offset;
    private readonly long[] shape;
    private readonly long[] strides;

    /// <summary>Creates a float32 tensor; the values are copied.</summary>
    /// <param name="values">Row-major values.</param>
    /// <param name="shape">Size of each dimension; none for a scalar.</param>
    /// <exception cref="ArgumentException">The shape does not hold as many values.</exception>
    public CheckpointTensor(ReadOnlySpan<float> values, params long[] shape)
        : this(MemoryMarshal.AsBytes(values), OnnxElementType.Float, shape)
    {
    }

    /// <summary>Creates an int64 tensor, for example <c>num_batches_tracked</c>; the values are copied.</summary>
    /// <param name="values">Row-major values.</param>
    /// <param name="shape">Size of each dimension; none for a scalar.</param>
    /// <exception cref="ArgumentException">The shape does not hold as many values.</exception>
    public CheckpointTensor(ReadOnlySpan<long> values, params long[] shape)
        : this(MemoryMarshal.AsBytes(values), OnnxElementType.Int64, shape)
    {
    }

    /// <summary>A view of a storage that was checked to lie inside it.</summary>
    internal CheckpointTensor(TensorStorage storage, OnnxElementType elementType, long offset, long[] shape, long[] strides, long elementCount)
    {
        this.storage = storage;
        this.offset = offset;
        this.shape = shape;
        this.strides = strides;
        ElementType = elementType;
        ElementCount = elementCount;
    }

    private CheckpointTensor(ReadOnlySpan<byte> bytes, OnnxElementType elementType, long[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var size = ElementTypes.Size(elementType);
        ElementType = elementType;
        ElementCount = bytes.Length / size;
        if (TensorLayout.Count(shape) != ElementCount)
            throw new ArgumentException($"shape [{string.Join(", ", shape)}] does not hold {ElementCount} values", nameof(shape));
        this.shape = [.. shape];
        strides = TensorLayout.RowMajor(shape);
        storage = new TensorStorage(bytes.Length);
        storage.Fill(bytes.ToArray());
    }

    /// <summary>Type of the elements as stored; PyTorch's names are <c>float32</c> for Float, <c>uint8</c> for UInt8, and so on.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>Size of each dimension; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => shape;

    /// <summary>Number of elements, one array's worth at most.</summary>
    public long ElementCount { get; }

    /// <summary>A copy of the values as float; integers and float64 are rounded to nearest, bools are 0 and 1.</summary>
    public float[] ToSingles()
    {
        var bytes = ToBytes();
        return ElementType switch
        {
            OnnxElementType.Float => Cast<float>(bytes).ToArray(),
            OnnxElementType.Double => Convert<double, float>(bytes, value => (float)value),
            OnnxElementType.Float16 => Convert<Half, float>(bytes, value => (float)value),
            OnnxElementType.BFloat16 => Convert<ushort, float>(bytes, value => BitConverter.UInt32BitsToSingle((uint)value << 16)),
            OnnxElementType.Bool => Convert<byte, float>(bytes, value => value == 0 ? 0 : 1),
            OnnxElementType.UInt64 => Convert<ulong, float>(bytes, value => value),
            _ => Array.ConvertAll(Integers(bytes), value => (float)value),
        };
    }

    /// <summary>A copy of the values as 64-bit integers.</summary>
    /// <exception cref="CheckpointException">The elements are floats, or unsigned of 64 bits.</exception>
    public long[] ToInt64s() => ElementType switch
    {
        OnnxElementType.Bool => Convert<byte, long>(ToBytes(), value => value == 0 ? 0 : 1),
        OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Int16 or OnnxElementType.UInt16
            or OnnxElementType.Int32 or OnnxElementType.UInt32 or OnnxElementType.Int64 => Integers(ToBytes()),
        _ => throw new CheckpointException($"a tensor of {ElementType} does not hold signed integers; read it as floats"),
    };

    /// <summary>For example <c>Float[10, 128]</c>.</summary>
    public override string ToString() => $"{ElementType}[{string.Join(", ", shape)}]";

    /// <summary>The elements in row-major order, as stored, little-endian: the storage itself where it is so already.</summary>
    internal ReadOnlySpan<byte> ToBytes()
    {
        var size = ElementTypes.Size(ElementType);
        var count = (int)ElementCount;
        if (count == 0)
            return [];
        if (TensorLayout.IsRowMajor(shape, strides))
            return storage.Bytes.Slice(checked((int)(offset * size)), count * size);
        var result = GC.AllocateUninitializedArray<byte>(count * size);
        switch (size)
        {
            case 1:
                Gather<byte>(result);
                break;
            case 2:
                Gather<ushort>(result);
                break;
            case 4:
                Gather<uint>(result);
                break;
            default:
                Gather<ulong>(result);
                break;
        }

        return result;
    }

    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static TResult[] Convert<T, TResult>(ReadOnlySpan<byte> bytes, Func<T, TResult> convert)
        where T : unmanaged
    {
        var values = Cast<T>(bytes);
        var result = GC.AllocateUninitializedArray<TResult>(values.Length);
        for (var i = 0; i < result.Length; i++)
            result[i] = convert(values[i]);
        return result;
    }

    private static long[] Widen<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged, IBinaryInteger<T> => Convert<T, long>(bytes, long.CreateTruncating);

    private long[] Integers(ReadOnlySpan<byte> bytes) => ElementType switch
    {
        OnnxElementType.Int8 => Widen<sbyte>(bytes),
        OnnxElementType.UInt8 => Widen<byte>(bytes),
        OnnxElementType.Int16 => Widen<short>(bytes),
        OnnxElementType.UInt16 => Widen<ushort>(bytes),
        OnnxElementType.Int32 => Widen<int>(bytes),
        OnnxElementType.UInt32 => Widen<uint>(bytes),
        OnnxElementType.Int64 => Cast<long>(bytes).ToArray(),
        _ => throw new InvalidOperationException($"{ElementType} is no integer type"),
    };

    // Walks the dimensions like an odometer, the last one fastest.
    private void Gather<T>(byte[] destination)
        where T : unmanaged
    {
        var source = Cast<T>(storage.Bytes);
        var target = MemoryMarshal.Cast<byte, T>(destination.AsSpan());
        var index = new long[shape.Length];
        var at = offset;
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = source[(int)at];
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                at += strides[axis];
                if (++index[axis] < shape[axis])
                    break;
                at -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
    }
}
