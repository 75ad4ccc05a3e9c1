namespace Ulrl.Training.Data;

/// <summary>Gathers images into one normalised set of samples, without a second copy.</summary>
internal sealed class SampleBuilder
{
    private readonly string source;
    private readonly int[] shape;
    private readonly ChannelNormalization? normalization;
    private readonly float[] values;
    private readonly int[] labels;
    private readonly int length;

    /// <param name="source">What errors call the set.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="shape">Channels, height, width.</param>
    /// <param name="normalization">Normalisation; null for none.</param>
    /// <exception cref="DataSetException">They are more than one array can hold.</exception>
    public SampleBuilder(string source, int count, IReadOnlyList<int> shape, ChannelNormalization? normalization)
    {
        this.source = source;
        this.shape = [.. shape];
        this.normalization = normalization;
        var total = shape.Aggregate((long)count, (product, size) => product * size);
        if (total > Array.MaxLength)
            throw new DataSetException($"{source}: {count} images of [{string.Join(", ", shape)}] are more than one array can hold; use fewer");
        values = GC.AllocateUninitializedArray<float>((int)total);
        labels = new int[count];
        length = count == 0 ? 0 : values.Length / count;
    }

    public void Set(int index, ImagePixels image, int label, string where)
    {
        var sample = values.AsSpan(index * length, length);
        ImageTensor.Write(image, shape, sample, where);
        normalization?.Apply(sample, sample, shape[0]);
        labels[index] = label;
    }

    public LabeledSamples Finish() => new(values, shape, labels, source: source, normalization: normalization);
}
