using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>
/// Values of a <c>TensorProto</c>, whichever of its fields holds them: <c>raw_data</c> (little-endian)
/// or the typed field that the ONNX specification gives for the element type.
/// </summary>
/// <remarks>Nothing is allocated by a declared size before the bytes behind it have been counted.</remarks>
internal static class TensorData
{
    /// <summary>Product of the dimensions; 1 for a scalar.</summary>
    /// <exception cref="InvalidModelException">A dimension is negative or the product exceeds 2^63 - 1.</exception>
    public static long ElementCount(TensorProto t)
    {
        long count = 1;
        bool empty = false, overflow = false;
        foreach (long dim in t.Dims)
        {
            if (dim < 0)
                throw new InvalidModelException($"tensor '{t.Name}': dimension {dim} is negative; export the model again.");
            empty |= dim == 0;
            overflow |= dim != 0 && count > long.MaxValue / dim;
            if (!empty && !overflow)
                count *= dim;
        }

        if (empty)
            return 0;
        if (overflow)
            throw new InvalidModelException($"tensor '{t.Name}': its shape has more elements than a 64-bit number can count; export the model again.");
        return count;
    }

    /// <summary>Bits that one element takes in <c>raw_data</c>; 0 for strings and unknown types.</summary>
    public static int ElementBits(TensorProto t) => (TensorProto.Types.DataType)t.DataType switch
    {
        TensorProto.Types.DataType.Complex128 => 128,
        TensorProto.Types.DataType.Double or TensorProto.Types.DataType.Int64 or TensorProto.Types.DataType.Uint64
            or TensorProto.Types.DataType.Complex64 => 64,
        TensorProto.Types.DataType.Float or TensorProto.Types.DataType.Int32 or TensorProto.Types.DataType.Uint32 => 32,
        TensorProto.Types.DataType.Float16 or TensorProto.Types.DataType.Bfloat16 or TensorProto.Types.DataType.Int16
            or TensorProto.Types.DataType.Uint16 => 16,
        TensorProto.Types.DataType.Int8 or TensorProto.Types.DataType.Uint8 or TensorProto.Types.DataType.Bool
            or TensorProto.Types.DataType.Float8E4M3Fn or TensorProto.Types.DataType.Float8E4M3Fnuz
            or TensorProto.Types.DataType.Float8E5M2 or TensorProto.Types.DataType.Float8E5M2Fnuz
            or TensorProto.Types.DataType.Float8E8M0 => 8,
        TensorProto.Types.DataType.Int4 or TensorProto.Types.DataType.Uint4 or TensorProto.Types.DataType.Float4E2M1 => 4,
        _ => 0,
    };

    /// <summary>Checks that the tensor holds exactly the values that its shape and element type declare.</summary>
    /// <returns>The number of elements.</returns>
    /// <exception cref="InvalidModelException">The type is unknown, the data are elsewhere, or the sizes disagree.</exception>
    public static long Check(TensorProto t)
    {
        long count = ElementCount(t);
        var type = (TensorProto.Types.DataType)t.DataType;
        if (type == TensorProto.Types.DataType.Undefined || !Enum.IsDefined(type))
            throw new InvalidModelException($"tensor '{t.Name}': element type {t.DataType} is not one that ONNX defines; export the model again.");
        if (t.DataLocation == TensorProto.Types.DataLocation.External)
            throw new InvalidModelException($"tensor '{t.Name}': its data lie in an external file that has not been read; load the model from its own folder.");

        bool raw = t.HasRawData && t.RawData.Length > 0;
        int typed = TypedFields(t);
        if (typed + (raw ? 1 : 0) > 1)
            throw new InvalidModelException($"tensor '{t.Name}': its values are given more than once; export the model again.");

        Int128 needed, held;
        if (raw)
        {
            if (type == TensorProto.Types.DataType.String)
                throw new InvalidModelException($"tensor '{t.Name}': strings cannot be held in raw_data; export the model again.");
            needed = (((Int128)count * ElementBits(t)) + 7) / 8;
            held = t.RawData.Length;
        }
        else
        {
            needed = type switch
            {
                TensorProto.Types.DataType.Complex64 or TensorProto.Types.DataType.Complex128 => (Int128)count * 2,
                TensorProto.Types.DataType.Int4 or TensorProto.Types.DataType.Uint4 or TensorProto.Types.DataType.Float4E2M1 => ((Int128)count + 1) / 2,
                _ => count,
            };
            held = TypedLength(t, type);
            if (typed == 1 && held == 0)
                throw new InvalidModelException($"tensor '{t.Name}': its values are in a field that does not belong to element type {(OnnxElementType)type}; export the model again.");
        }

        if (held != needed)
        {
            throw new InvalidModelException(
                $"tensor '{t.Name}': shape [{string.Join(',', t.Dims)}] of {(OnnxElementType)type} needs {needed} {(raw ? "bytes" : "values")} but {held} are there; the file is truncated or was edited, export the model again.");
        }

        return count;
    }

    /// <summary>Values as 32-bit floats, in row-major order; integers and truth values are converted.</summary>
    /// <exception cref="InvalidModelException">The tensor is inconsistent or its element type is not numeric.</exception>
    public static float[] ReadFloats(TensorProto t)
    {
        int count = CheckArrayLength(t);
        var type = (TensorProto.Types.DataType)t.DataType;
        ReadOnlySpan<byte> raw = t.RawData.Span;
        switch (type)
        {
            case TensorProto.Types.DataType.Float:
                if (raw.Length == 0)
                {
                    var copy = new float[count];
                    t.FloatData.CopyTo(copy, 0);
                    return copy;
                }

                return FromRaw(raw, count);
            case TensorProto.Types.DataType.Double:
            {
                var values = new float[count];
                for (int i = 0; i < count; i++)
                    values[i] = (float)(raw.Length == 0 ? t.DoubleData[i] : BinaryPrimitives.ReadDoubleLittleEndian(raw[(i * 8)..]));
                return values;
            }

            case TensorProto.Types.DataType.Float16:
            {
                var values = new float[count];
                for (int i = 0; i < count; i++)
                    values[i] = (float)BitConverter.UInt16BitsToHalf(Bits16(t, raw, i));
                return values;
            }

            case TensorProto.Types.DataType.Bfloat16:
            {
                var values = new float[count];
                for (int i = 0; i < count; i++)
                    values[i] = BitConverter.UInt32BitsToSingle((uint)Bits16(t, raw, i) << 16);
                return values;
            }

            case TensorProto.Types.DataType.Uint64:
            {
                var values = new float[count];
                for (int i = 0; i < count; i++)
                    values[i] = raw.Length == 0 ? t.Uint64Data[i] : BinaryPrimitives.ReadUInt64LittleEndian(raw[(i * 8)..]);
                return values;
            }

            default:
            {
                var values = new float[count];
                for (int i = 0; i < count; i++)
                    values[i] = Integer(t, type, raw, i);
                return values;
            }
        }
    }

    /// <summary>Values of an integer or truth-value tensor, in row-major order.</summary>
    /// <exception cref="InvalidModelException">The tensor is inconsistent, its element type is not an integer, or a value exceeds 2^63 - 1.</exception>
    public static long[] ReadIntegers(TensorProto t)
    {
        int count = CheckArrayLength(t);
        var type = (TensorProto.Types.DataType)t.DataType;
        ReadOnlySpan<byte> raw = t.RawData.Span;
        var values = new long[count];
        for (int i = 0; i < count; i++)
            values[i] = Integer(t, type, raw, i);
        return values;
    }

    /// <summary>A float32 tensor.</summary>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="dims">Shape; empty for a scalar.</param>
    /// <param name="values">Values in row-major order, as many as <paramref name="dims"/> say.</param>
    public static TensorProto Create(string name, ReadOnlySpan<long> dims, ReadOnlySpan<float> values)
    {
        TensorProto t = CreateEmpty(name, dims, TensorProto.Types.DataType.Float, values.Length);
        t.RawData = ToRaw<float>(values);
        return t;
    }

    /// <summary>An int64 tensor.</summary>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="dims">Shape; empty for a scalar.</param>
    /// <param name="values">Values in row-major order, as many as <paramref name="dims"/> say.</param>
    public static TensorProto Create(string name, ReadOnlySpan<long> dims, ReadOnlySpan<long> values)
    {
        TensorProto t = CreateEmpty(name, dims, TensorProto.Types.DataType.Int64, values.Length);
        t.RawData = ToRaw<long>(values);
        return t;
    }

    /// <summary>
    /// Replaces the values of a float, float16, bfloat16 or double tensor, rounding to nearest even in its own
    /// element type; name, shape, type and unknown fields stay.
    /// </summary>
    /// <exception cref="ArgumentException">The number of values is not the tensor's.</exception>
    /// <exception cref="InvalidModelException">The tensor is not one of floats, or a finite value does not fit its element type.</exception>
    public static void WriteFloats(TensorProto t, ReadOnlySpan<float> values)
    {
        if (ElementCount(t) != values.Length)
            throw new ArgumentException($"tensor '{t.Name}' has {ElementCount(t)} elements, not {values.Length}", nameof(values));

        ByteString raw;
        switch ((TensorProto.Types.DataType)t.DataType)
        {
            case TensorProto.Types.DataType.Float:
                raw = ToRaw<float>(values);
                break;
            case TensorProto.Types.DataType.Double:
            {
                var wide = new double[values.Length];
                for (int i = 0; i < wide.Length; i++)
                    wide[i] = values[i];
                raw = ToRaw<double>(wide);
                break;
            }

            case TensorProto.Types.DataType.Float16:
            {
                var half = new Half[values.Length];
                for (int i = 0; i < half.Length; i++)
                {
                    half[i] = (Half)values[i];
                    CheckFits(t, values[i], Half.IsInfinity(half[i]));
                }

                raw = ToRaw<Half>(half);
                break;
            }

            case TensorProto.Types.DataType.Bfloat16:
            {
                var bits = new ushort[values.Length];
                for (int i = 0; i < bits.Length; i++)
                {
                    bits[i] = RoundToBFloat16(values[i]);
                    CheckFits(t, values[i], (bits[i] & 0x7FFF) == 0x7F80);
                }

                raw = ToRaw<ushort>(bits);
                break;
            }

            default:
                throw new InvalidModelException($"tensor '{t.Name}': elements of type {(OnnxElementType)t.DataType} cannot be trained; name an initializer of floats.");
        }

        t.FloatData.Clear();
        t.DoubleData.Clear();
        t.Int32Data.Clear();
        t.Int64Data.Clear();
        t.Uint64Data.Clear();
        t.StringData.Clear();
        t.ExternalData.Clear();
        t.ClearDataLocation();
        t.RawData = raw;
    }

    private static int CheckArrayLength(TensorProto t)
    {
        long count = Check(t);
        if (count > Array.MaxLength)
            throw new InvalidModelException($"tensor '{t.Name}': {count} elements are more than an array can hold ({Array.MaxLength}).");
        return (int)count;
    }

    private static int TypedFields(TensorProto t) =>
        (t.FloatData.Count > 0 ? 1 : 0) + (t.DoubleData.Count > 0 ? 1 : 0) + (t.Int32Data.Count > 0 ? 1 : 0)
        + (t.Int64Data.Count > 0 ? 1 : 0) + (t.Uint64Data.Count > 0 ? 1 : 0) + (t.StringData.Count > 0 ? 1 : 0);

    private static int TypedLength(TensorProto t, TensorProto.Types.DataType type) => type switch
    {
        TensorProto.Types.DataType.Float or TensorProto.Types.DataType.Complex64 => t.FloatData.Count,
        TensorProto.Types.DataType.Double or TensorProto.Types.DataType.Complex128 => t.DoubleData.Count,
        TensorProto.Types.DataType.Int64 => t.Int64Data.Count,
        TensorProto.Types.DataType.Uint32 or TensorProto.Types.DataType.Uint64 => t.Uint64Data.Count,
        TensorProto.Types.DataType.String => t.StringData.Count,
        _ => t.Int32Data.Count,
    };

    private static ushort Bits16(TensorProto t, ReadOnlySpan<byte> raw, int index) =>
        raw.Length == 0 ? unchecked((ushort)t.Int32Data[index]) : BinaryPrimitives.ReadUInt16LittleEndian(raw[(index * 2)..]);

    private static long Integer(TensorProto t, TensorProto.Types.DataType type, ReadOnlySpan<byte> raw, int index)
    {
        bool typed = raw.Length == 0;
        switch (type)
        {
            case TensorProto.Types.DataType.Int64:
                return typed ? t.Int64Data[index] : BinaryPrimitives.ReadInt64LittleEndian(raw[(index * 8)..]);
            case TensorProto.Types.DataType.Int32:
                return typed ? t.Int32Data[index] : BinaryPrimitives.ReadInt32LittleEndian(raw[(index * 4)..]);
            case TensorProto.Types.DataType.Uint32:
                return typed ? unchecked((uint)t.Uint64Data[index]) : BinaryPrimitives.ReadUInt32LittleEndian(raw[(index * 4)..]);
            case TensorProto.Types.DataType.Int16:
                return typed ? unchecked((short)t.Int32Data[index]) : BinaryPrimitives.ReadInt16LittleEndian(raw[(index * 2)..]);
            case TensorProto.Types.DataType.Uint16:
                return Bits16(t, raw, index);
            case TensorProto.Types.DataType.Int8:
                return unchecked((sbyte)(typed ? t.Int32Data[index] : raw[index]));
            case TensorProto.Types.DataType.Uint8:
                return unchecked((byte)(typed ? t.Int32Data[index] : raw[index]));
            case TensorProto.Types.DataType.Bool:
                return (typed ? t.Int32Data[index] : raw[index]) == 0 ? 0 : 1;
            case TensorProto.Types.DataType.Uint64:
            {
                ulong value = typed ? t.Uint64Data[index] : BinaryPrimitives.ReadUInt64LittleEndian(raw[(index * 8)..]);
                if (value > long.MaxValue)
                    throw new InvalidModelException($"tensor '{t.Name}': value {value} is outside the range of a signed 64-bit integer.");
                return (long)value;
            }

            default:
                throw new InvalidModelException($"tensor '{t.Name}': elements of type {(OnnxElementType)type} cannot be read as numbers here; export the model with float or integer tensors.");
        }
    }

    private static ushort RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return (ushort)((bits >> 16) | 0x0040);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void CheckFits(TensorProto t, float value, bool becameInfinite)
    {
        if (becameInfinite && float.IsFinite(value))
            throw new InvalidModelException(string.Create(CultureInfo.InvariantCulture, $"tensor '{t.Name}': value {value} does not fit {(OnnxElementType)t.DataType}; lower the learning rate or export the model in float32."));
    }

    private static TensorProto CreateEmpty(string name, ReadOnlySpan<long> dims, TensorProto.Types.DataType type, int values)
    {
        var t = new TensorProto { Name = name, DataType = (int)type };
        foreach (long dim in dims)
            t.Dims.Add(dim);
        if (ElementCount(t) != values)
            throw new ArgumentException($"tensor '{name}' of shape [{string.Join(',', t.Dims)}] cannot hold {values} values", nameof(values));
        return t;
    }

    /// <summary>Writes the values of a floating-point tensor into memory of its size.</summary>
    public static void CopyFloats(TensorProto t, Span<float> to)
    {
        if (t.DataType == (int)TensorProto.Types.DataType.Float && t.RawData.Length > 0 && BitConverter.IsLittleEndian)
        {
            CheckArrayLength(t);
            t.RawData.Span.CopyTo(MemoryMarshal.AsBytes(to));
        }
        else
        {
            ReadFloats(t).CopyTo(to);
        }
    }

    private static float[] FromRaw(ReadOnlySpan<byte> raw, int count)
    {
        var values = new float[count];
        Span<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan());
        raw.CopyTo(bytes);
        SwapOnBigEndian(bytes, sizeof(float));
        return values;
    }

    private static ByteString ToRaw<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        byte[] raw = MemoryMarshal.AsBytes(values).ToArray();
        SwapOnBigEndian(raw, Unsafe.SizeOf<T>());
        return UnsafeByteOperations.UnsafeWrap(raw);
    }

    private static void SwapOnBigEndian(Span<byte> bytes, int elementSize)
    {
        if (BitConverter.IsLittleEndian)
            return;
        for (int i = 0; i < bytes.Length; i += elementSize)
            bytes.Slice(i, elementSize).Reverse();
    }
}
