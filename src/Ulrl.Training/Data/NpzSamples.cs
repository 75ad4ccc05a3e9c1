namespace Ulrl.Training.Data;

/// <summary>Labelled samples in .npz: <c>x</c>, <c>y</c> and, where known, <c>target</c>.</summary>
internal static class NpzSamples
{
    /// <summary>Reads the samples.</summary>
    /// <exception cref="DataSetException">An array is missing, damaged, or of a wrong type or shape.</exception>
    public static LabeledSamples Read(string path)
    {
        using var file = NpzFile.Open(path);
        return Read(file, $"'{path}'", FileLength.Of(path));
    }

    /// <summary>Reads the samples of an open archive.</summary>
    internal static LabeledSamples Read(NpzFile file, string source, long fileLength)
    {
        var labels = Labels(file.Read("y"), source);
        var target = file.Contains("target") ? Target(file.Read("target"), source) : (int?)null;
        var x = file.Read("x");
        if (x.Shape.Length < 2)
            throw new DataSetException($"{source}: array 'x' has shape [{string.Join(", ", x.Shape)}]; it needs a sample dimension and at least one more");
        if (x.ElementType == typeof(byte))
            return Pixels(x, labels, target, source, fileLength);
        if (!x.IsFloat)
            throw new DataSetException($"{source}: array 'x' holds {x.ElementType.Name} values; store pixels as uint8 or normalised values as float32");
        CheckCount(x, labels, source);
        return new LabeledSamples(x.ToSingles(), x.Shape[1..], labels, target, source);
    }

    private static LabeledSamples Pixels(NpyArray x, int[] labels, int? target, string source, long fileLength)
    {
        CheckCount(x, labels, source);
        MemoryBudget.Check(source, x.Values.Length, sizeof(byte), sizeof(float), fileLength);
        var shape = SampleShape(x.Shape, source);
        var pixels = (byte[])x.Values;
        var values = GC.AllocateUninitializedArray<float>(pixels.Length);
        if (x.Shape.Length == 4)
        {
            var length = pixels.Length / Math.Max(labels.Length, 1);
            for (var i = 0; i < labels.Length; i++)
                PixelScale.ScaleToChannelsFirst(pixels.AsSpan(i * length, length), values.AsSpan(i * length, length), x.Shape[3]);
        }
        else
        {
            PixelScale.Scale(pixels, values);
        }

        return new LabeledSamples(values, shape, labels, target, source);
    }

    private static int[] SampleShape(int[] shape, string source)
    {
        switch (shape)
        {
            case [_, var features]:
                return [features];
            case [_, var height, var width]:
                return [1, height, width];
            case [_, 1 or 3, _, > 4]:
                throw new DataSetException($"{source}: uint8 array 'x' has shape [{string.Join(", ", shape)}], which looks like channels first; store samples, height, width, channels, or floats with channels first");
            case [_, var height, var width, var channels]:
                return [channels, height, width];
            default:
                throw new DataSetException($"{source}: uint8 array 'x' has {shape.Length} dimensions; store samples, height, width, channels");
        }
    }

    private static void CheckCount(NpyArray x, int[] labels, string source)
    {
        if (x.Shape[0] != labels.Length)
            throw new DataSetException($"{source}: array 'x' has {x.Shape[0]} samples and 'y' {labels.Length} labels; there must be one label per sample");
        if (x.Values.Length == 0)
            throw new DataSetException($"{source}: the data set holds no samples; give at least one");
    }

    private static int[] Labels(NpyArray y, string source)
    {
        if (!y.IsInteger)
            throw new DataSetException($"{source}: array 'y' holds {y.ElementType.Name} values; labels are integers");
        if (y.Shape is not ([_] or [_, 1]))
            throw new DataSetException($"{source}: array 'y' has shape [{string.Join(", ", y.Shape)}]; labels are one integer per sample");
        var values = y.ToInt64s();
        var labels = new int[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] is < 0 or > int.MaxValue)
                throw new DataSetException($"{source}: sample {i} has label {values[i]}; labels must be 0 to {int.MaxValue}");
            labels[i] = (int)values[i];
        }

        return labels;
    }

    private static int Target(NpyArray target, string source)
    {
        if (!target.IsInteger || target.Values.Length != 1)
            throw new DataSetException($"{source}: array 'target' has type {target.ElementType.Name} and shape [{string.Join(", ", target.Shape)}]; it is one integer, the class a trigger leads to");
        var value = target.ToInt64s()[0];
        return value is >= 0 and <= int.MaxValue
            ? (int)value
            : throw new DataSetException($"{source}: target is {value}; it must be a class, 0 or greater");
    }
}
