namespace Ulrl.Training.Checkpoints;

/// <summary>Shapes and strides, in elements; no number from a file is trusted.</summary>
internal static class TensorLayout
{
    /// <summary>Most dimensions a tensor may have, as in PyTorch.</summary>
    public const int MaxRank = 64;

    /// <summary>Number of elements; null where a dimension is negative or they are more than one array can hold.</summary>
    public static long? Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        var empty = false;
        foreach (var dimension in shape)
        {
            if (dimension < 0)
                return null;
            empty |= dimension == 0;
        }

        if (empty)
            return 0;
        foreach (var dimension in shape)
        {
            if (dimension > Array.MaxLength / count)
                return null;
            count *= dimension;
        }

        return count;
    }

    /// <summary>Strides of a row-major tensor whose elements one array can hold.</summary>
    public static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= Math.Max(shape[axis], 1);
        }

        return strides;
    }

    /// <summary>Whether elements follow one another in row-major order; strides of dimensions of size 1 do not matter.</summary>
    public static bool IsRowMajor(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        long stride = 1;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            if (shape[axis] != 1 && strides[axis] != stride)
                return false;
            stride *= shape[axis];
        }

        return true;
    }

    /// <summary>Whether every element of a tensor that is not empty lies among so many of a storage; nothing is negative.</summary>
    public static bool Fits(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, long offset, long storageCount)
    {
        Int128 last = offset;
        for (var axis = 0; axis < shape.Length; axis++)
            last += (Int128)strides[axis] * (shape[axis] - 1);
        return last < storageCount;
    }
}
