namespace Ulrl.Training.Data;

/// <summary>
/// A numeric array as NumPy stores it in .npy and .npz files, row-major in memory.
/// Elements are sbyte, byte, short, ushort, int, uint, long, ulong, <see cref="Half"/>, float or double.
/// </summary>
public sealed class NpyArray
{
    /// <summary>Wraps values and their shape.</summary>
    /// <param name="values">One-dimensional array of a supported element type, row-major.</param>
    /// <param name="shape">Dimensions; none for a scalar.</param>
    /// <exception cref="ArgumentException">The element type is not supported, or the shape does not hold as many values.</exception>
    public NpyArray(Array values, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(shape);
        if (values.Rank != 1 || !NpyFormat.IsSupported(ElementTypeOf(values)))
            throw new ArgumentException($"{values.GetType()} is not a one-dimensional array of a supported number type", nameof(values));
        if (!Holds(shape, values.Length))
            throw new ArgumentException($"shape [{string.Join(", ", shape)}] does not hold {values.Length} values", nameof(shape));
        Values = values;
        Shape = shape;
    }

    /// <summary>The values, a one-dimensional array of <see cref="ElementType"/>, row-major.</summary>
    public Array Values { get; }

    /// <summary>Dimensions; empty for a scalar.</summary>
    public int[] Shape { get; }

    /// <summary>Type of one value.</summary>
    public Type ElementType => ElementTypeOf(Values);

    /// <summary>Whether the values are integers.</summary>
    public bool IsInteger => !IsFloat;

    /// <summary>Whether the values are floating-point numbers of 16, 32 or 64 bits.</summary>
    public bool IsFloat => Values is float[] or double[] or Half[];

    /// <summary>The values as float: the array itself where it is one, a converted copy otherwise.</summary>
    public float[] ToSingles() => Values switch
    {
        float[] values => values,
        double[] values => Array.ConvertAll(values, value => (float)value),
        Half[] values => Array.ConvertAll(values, value => (float)value),
        _ => Array.ConvertAll(ToInt64s(), value => (float)value),
    };

    /// <summary>The values as 64-bit integers: the array itself where it is one, a converted copy otherwise.</summary>
    /// <exception cref="DataSetException">The values are not integers, or one exceeds the range of a signed 64-bit integer.</exception>
    public long[] ToInt64s()
    {
        // The runtime lets an array of unsigned numbers pass for one of signed numbers, so the exact type decides.
        var type = ElementType;
        if (type == typeof(long))
            return (long[])Values;
        if (type == typeof(int))
            return Array.ConvertAll((int[])Values, value => (long)value);
        if (type == typeof(byte))
            return Array.ConvertAll((byte[])Values, value => (long)value);
        if (type == typeof(sbyte))
            return Array.ConvertAll((sbyte[])Values, value => (long)value);
        if (type == typeof(short))
            return Array.ConvertAll((short[])Values, value => (long)value);
        if (type == typeof(ushort))
            return Array.ConvertAll((ushort[])Values, value => (long)value);
        if (type == typeof(uint))
            return Array.ConvertAll((uint[])Values, value => (long)value);
        if (type == typeof(ulong))
            return Array.ConvertAll((ulong[])Values, Signed);
        throw new DataSetException($"an array of {type.Name} does not hold integers; store integers");
    }

    private static Type ElementTypeOf(Array values) => values.GetType().GetElementType()!;

    private static bool Holds(int[] shape, int length)
    {
        long count = 1;
        foreach (var dimension in shape)
        {
            count *= dimension;
            if (dimension < 0 || count > length)
                return length == 0 && Array.IndexOf(shape, 0) >= 0 && Array.TrueForAll(shape, other => other >= 0);
        }

        return count == length;
    }

    private static long Signed(ulong value) =>
        value <= long.MaxValue ? (long)value : throw new DataSetException($"integer {value} exceeds the range of a signed 64-bit integer; store smaller numbers");
}
