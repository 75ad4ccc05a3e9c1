using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Ulrl.Training.Data;

/// <summary>
/// Reads and writes the .npy format, versions 1 to 3 (NumPy Enhancement Proposal 1, <c>numpy.lib.format</c>).
/// Pickled object arrays are refused: reading them would run code from the file.
/// </summary>
internal static class NpyFormat
{
    // As numpy.lib.format, which refuses longer headers too.
    private const int MaxHeaderBytes = 10_000;

    // NumPy aligns the data of memory-mapped files to this.
    private const int Alignment = 64;

    private static readonly Dictionary<string, Type> Types = new(StringComparer.Ordinal)
    {
        ["i1"] = typeof(sbyte),
        ["u1"] = typeof(byte),
        ["i2"] = typeof(short),
        ["u2"] = typeof(ushort),
        ["i4"] = typeof(int),
        ["u4"] = typeof(uint),
        ["i8"] = typeof(long),
        ["u8"] = typeof(ulong),
        ["f2"] = typeof(Half),
        ["f4"] = typeof(float),
        ["f8"] = typeof(double),
    };

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Whether arrays of that element type are read and written.</summary>
    public static bool IsSupported(Type elementType) => Types.ContainsValue(elementType);

    /// <summary>Reads one array.</summary>
    /// <param name="input">Positioned at the magic number.</param>
    /// <param name="length">Bytes the array's file takes, header included.</param>
    /// <param name="fileLength">Length of the file on disk, which bounds the memory used.</param>
    /// <exception cref="DataSetException">The data are malformed, truncated, or of a refused kind.</exception>
    public static NpyArray Read(CheckedInput input, long length, long fileLength)
    {
        var header = ReadHeader(input, out var headerBytes);
        return ReadValues(input, header, length - headerBytes, fileLength);
    }

    /// <summary>Reads the values that follow a header.</summary>
    /// <param name="input">Positioned at the first value.</param>
    /// <param name="header">Type, order and shape.</param>
    /// <param name="length">Bytes the values take.</param>
    /// <param name="fileLength">Length of the file on disk, which bounds the memory used.</param>
    /// <exception cref="DataSetException">The values are truncated or of a refused kind.</exception>
    public static NpyArray ReadValues(CheckedInput input, NpyHeader header, long length, long fileLength)
    {
        var type = ElementType(header.Descriptor, input.Where, out var swap);
        var count = CountOf(header.Shape, input.Where);
        var size = header.Descriptor[^1] - '0';
        MemoryBudget.Check(input.Where, count, size, size, fileLength);
        if (count * size != length)
            throw new DataSetException($"{input.Where}: shape [{string.Join(", ", header.Shape)}] needs {count * size} bytes, the entry holds {length}; the file is truncated or damaged");
        Array values = Type.GetTypeCode(type) switch
        {
            TypeCode.SByte => ReadValues<sbyte>(input, header, (int)count, swap),
            TypeCode.Byte => ReadValues<byte>(input, header, (int)count, swap),
            TypeCode.Int16 => ReadValues<short>(input, header, (int)count, swap),
            TypeCode.UInt16 => ReadValues<ushort>(input, header, (int)count, swap),
            TypeCode.Int32 => ReadValues<int>(input, header, (int)count, swap),
            TypeCode.UInt32 => ReadValues<uint>(input, header, (int)count, swap),
            TypeCode.Int64 => ReadValues<long>(input, header, (int)count, swap),
            TypeCode.UInt64 => ReadValues<ulong>(input, header, (int)count, swap),
            TypeCode.Single => ReadValues<float>(input, header, (int)count, swap),
            TypeCode.Double => ReadValues<double>(input, header, (int)count, swap),
            _ => ReadValues<Half>(input, header, (int)count, swap),
        };
        return new NpyArray(values, header.Shape);
    }

    /// <summary>Writes one array, version 1, in the byte order of this machine.</summary>
    public static void Write(Stream stream, NpyArray array)
    {
        var code = Types.First(pair => pair.Value == array.ElementType).Key;
        var order = code[1] == '1' ? '|' : BitConverter.IsLittleEndian ? '<' : '>';
        var shape = array.Shape.Length == 1
            ? array.Shape[0].ToString(CultureInfo.InvariantCulture) + ","
            : string.Join(", ", array.Shape);
        var text = $"{{'descr': '{order}{code}', 'fortran_order': False, 'shape': ({shape}), }}";
        var unpadded = Magic.Length + 4 + text.Length + 1;
        text = text.PadRight(text.Length + ((Alignment - (unpadded % Alignment)) % Alignment)) + "\n";

        stream.Write(Magic);
        stream.Write([1, 0, (byte)text.Length, (byte)(text.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(text));
        switch (Type.GetTypeCode(array.ElementType))
        {
            case TypeCode.SByte or TypeCode.Byte:
                WriteValues((byte[])array.Values, stream);
                break;
            case TypeCode.Int16 or TypeCode.UInt16:
                WriteValues((short[])array.Values, stream);
                break;
            case TypeCode.Int32 or TypeCode.UInt32:
                WriteValues((int[])array.Values, stream);
                break;
            case TypeCode.Int64 or TypeCode.UInt64:
                WriteValues((long[])array.Values, stream);
                break;
            case TypeCode.Single:
                WriteValues((float[])array.Values, stream);
                break;
            case TypeCode.Double:
                WriteValues((double[])array.Values, stream);
                break;
            default:
                WriteValues((Half[])array.Values, stream);
                break;
        }
    }

    private static NpyHeader ReadHeader(CheckedInput input, out long bytesRead)
    {
        Span<byte> start = stackalloc byte[8];
        input.ReadExactly(start);
        if (!start[..6].SequenceEqual(Magic))
            throw new DataSetException($"{input.Where}: not a .npy array; write it with numpy.save or numpy.savez");
        var version = start[6];
        if (version is < 1 or > 3 || start[7] != 0)
            throw new DataSetException($"{input.Where}: .npy version {version}.{start[7]} is unknown; versions 1.0 to 3.0 are read");
        var size = start[..(version == 1 ? 2 : 4)];
        bytesRead = start.Length + size.Length;
        input.ReadExactly(size);
        var length = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(size) : BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (length > MaxHeaderBytes)
            throw new DataSetException($"{input.Where}: the .npy header of {length} bytes is longer than the {MaxHeaderBytes} accepted; store a plain numeric array");
        var text = new byte[length];
        input.ReadExactly(text);
        bytesRead += length;
        return NpyHeader.Parse(Encoding.Latin1.GetString(text), input.Where);
    }

    private static Type ElementType(string descriptor, string where, out bool swap)
    {
        swap = descriptor.StartsWith(BitConverter.IsLittleEndian ? '>' : '<');
        if (descriptor is [_, 'O', ..] or ['O', ..])
            throw new DataSetException($"{where}: a pickled object array is refused because reading it would run code from the file; store a plain numeric array");
        if (descriptor is ['<' or '>' or '|' or '=', ..] && Types.TryGetValue(descriptor[1..], out var type))
            return type;
        throw new DataSetException($"{where}: arrays of type '{descriptor[..Math.Min(descriptor.Length, 30)]}' are not read; store integers of 8 to 64 bits or floats of 16 to 64");
    }

    private static long CountOf(int[] shape, string where)
    {
        long count = 1;
        foreach (var dimension in shape)
        {
            count *= dimension;
            if (count > Array.MaxLength)
                throw new DataSetException($"{where}: shape [{string.Join(", ", shape)}] is more than one array can hold; use fewer samples");
        }

        return count;
    }

    private static T[] ReadValues<T>(CheckedInput input, NpyHeader header, int count, bool swap)
        where T : unmanaged
    {
        var values = GC.AllocateUninitializedArray<T>(count);
        input.ReadValues(values);
        if (swap)
            ReverseBytes(values);
        return header.FortranOrder && header.Shape.Length > 1 ? ToRowMajor(values, header.Shape) : values;
    }

    private static void ReverseBytes<T>(T[] values)
        where T : unmanaged
    {
        switch (Unsafe.SizeOf<T>())
        {
            case 2:
                var shorts = MemoryMarshal.Cast<T, ushort>(values.AsSpan());
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                var ints = MemoryMarshal.Cast<T, uint>(values.AsSpan());
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            case 8:
                var longs = MemoryMarshal.Cast<T, ulong>(values.AsSpan());
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }

    // Column-major: the first index moves fastest in the file.
    private static T[] ToRowMajor<T>(T[] columnMajor, int[] shape)
    {
        var strides = new int[shape.Length];
        var stride = 1;
        for (var axis = 0; axis < shape.Length; axis++)
        {
            strides[axis] = stride;
            stride *= shape[axis];
        }

        var rowMajor = new T[columnMajor.Length];
        var index = new int[shape.Length];
        var source = 0;
        for (var i = 0; i < rowMajor.Length; i++)
        {
            rowMajor[i] = columnMajor[source];
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                source += strides[axis];
                if (++index[axis] < shape[axis])
                    break;
                source -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }

        return rowMajor;
    }

    private static void WriteValues<T>(T[] values, Stream stream)
        where T : unmanaged
    {
        var step = (1 << 18) / Unsafe.SizeOf<T>();
        for (var start = 0; start < values.Length; start += step)
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan(start, Math.Min(step, values.Length - start))));
    }
}
