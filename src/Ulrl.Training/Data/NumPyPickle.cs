using System.Globalization;
using System.Numerics;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Data;

/// <summary>
/// Arrays and scalars of NumPy 1 and 2 in pickles of any protocol. Arrays become <see cref="NpyArray"/> (bool as
/// bytes), scalars become plain numbers. Arrays of objects, strings or records are refused.
/// </summary>
internal static class NumPyPickle
{
    private const int MaxRank = 64;

    private static readonly PickleFunction Reconstruct = new("numpy.core.multiarray._reconstruct", CreateEmpty);
    private static readonly PickleFunction Scalar = new("numpy.core.multiarray.scalar", CreateScalar);
    private static readonly PickleFunction FromBuffer = new("numpy.core.numeric._frombuffer", CreateFromBuffer);
    private static readonly PickleFunction Type = new("numpy.dtype", CreateType);
    private static readonly PickleFunction ArrayClass = new("numpy.ndarray", (reader, _) => throw reader.Error("the file creates a numpy array by its size alone, which is refused"));

    /// <summary>The function of that name, or null.</summary>
    public static object? Find(string module, string name) => (module, name) switch
    {
        ("numpy.core.multiarray" or "numpy._core.multiarray", "_reconstruct") => Reconstruct,
        ("numpy.core.multiarray" or "numpy._core.multiarray", "scalar") => Scalar,
        ("numpy.core.numeric" or "numpy._core.numeric", "_frombuffer") => FromBuffer,
        ("numpy", "dtype") => Type,
        ("numpy", "ndarray") => ArrayClass,
        _ => null,
    };

    /// <summary>A string, or bytes that Python 2 took for one; null where it is neither.</summary>
    public static string? Text(object? value) => value switch
    {
        string text => text,
        byte[] bytes => System.Text.Encoding.Latin1.GetString(bytes),
        _ => null,
    };

    /// <summary>Builds an array from its parts.</summary>
    internal static NpyArray CreateArray(PickleReader reader, object? shape, NumPyType type, bool columnMajor, byte[] data)
    {
        if (shape is not object?[] { Length: <= MaxRank } dimensions)
            throw reader.Error("a numpy array has a malformed shape; the file is damaged");
        var sizes = new int[dimensions.Length];
        for (var i = 0; i < sizes.Length; i++)
        {
            if (dimensions[i] is not long size || size is < 0 or > int.MaxValue)
                throw reader.Error("a numpy array has a malformed shape; the file is damaged");
            sizes[i] = (int)size;
        }

        reader.ChargeMemory(data.Length);
        try
        {
            using var stream = new MemoryStream(data, writable: false);
            return NpyFormat.ReadValues(new CheckedInput(stream, "numpy array"), new NpyHeader(type.Descriptor, columnMajor, sizes), data.Length, data.Length);
        }
        catch (DataSetException e)
        {
            throw reader.Error(e.Message, e);
        }
    }

    private static UnfinishedArray CreateEmpty(PickleReader reader, object?[] arguments) =>
        arguments is [PickleFunction function, object?[], _] && function == ArrayClass
            ? new UnfinishedArray()
            : throw PickleFunction.BadArguments(reader, Reconstruct.ToString());

    private static NumPyType.Unfinished CreateType(PickleReader reader, object?[] arguments)
    {
        if (arguments.Length == 0 || Text(arguments[0]) is not { } code)
            throw PickleFunction.BadArguments(reader, Type.ToString());
        return code is "b1" or "i1" or "u1" or "i2" or "u2" or "i4" or "u4" or "i8" or "u8" or "f2" or "f4" or "f8"
            ? new NumPyType.Unfinished(code)
            : throw reader.Error($"the file holds a numpy array of type '{new string([.. code.Take(20).Where(char.IsAsciiLetterOrDigit)])}', which is refused; store integers of 8 to 64 bits, bools or floats of 16 to 64");
    }

    private static NpyArray CreateFromBuffer(PickleReader reader, object?[] arguments)
    {
        if (arguments is not [byte[] data, NumPyType type, var shape, _] || Text(arguments[3]) is not ("C" or "F" or "A"))
            throw PickleFunction.BadArguments(reader, FromBuffer.ToString());
        return CreateArray(reader, shape, type, Text(arguments[3]) == "F", data);
    }

    private static object? CreateScalar(PickleReader reader, object?[] arguments)
    {
        if (arguments is not [NumPyType type, byte[] data] || data.Length != type.Size)
            throw PickleFunction.BadArguments(reader, Scalar.ToString());
        var array = CreateArray(reader, Array.Empty<object?>(), type, false, data);
        if (type.IsBoolean)
            return data[0] != 0;
        return array.Values switch
        {
            _ when array.ElementType == typeof(ulong) => PickleText.Smallest(new BigInteger(Convert.ToUInt64(array.Values.GetValue(0), CultureInfo.InvariantCulture))),
            _ when array.IsInteger => array.ToInt64s()[0],
            double[] values => values[0],
            _ => (double)array.ToSingles()[0],
        };
    }

    private sealed class UnfinishedArray : PickleUnfinished
    {
        // The state of numpy.ndarray: version (left out by old ones), shape, type, column-major, bytes.
        public override object Finish(PickleReader reader, object? state) =>
            state is object?[] { Length: 4 or 5 } parts
            && parts[^1] is byte[] data && parts[^2] is bool columnMajor && parts[^3] is NumPyType type
                ? CreateArray(reader, parts[^4], type, columnMajor, data)
                : throw reader.Error("a numpy array has a state of an unknown kind; store plain numeric arrays");
    }
}
