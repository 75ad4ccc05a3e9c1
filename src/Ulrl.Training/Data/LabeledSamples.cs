using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ulrl.Training.Data;

/// <summary>Samples with one class label each, in memory.</summary>
public sealed class LabeledSamples
{
    /// <summary>Creates a data set and checks it.</summary>
    /// <param name="values">All samples one after another, each in row-major order; images as channels, height, width.</param>
    /// <param name="sampleShape">Shape of one sample, without the batch dimension, for example 3, 32, 32.</param>
    /// <param name="labels">Class of each sample, 0 or greater.</param>
    /// <param name="target">Class a triggered set was made to go to; null where none is known.</param>
    /// <param name="source">What the errors call the data set, usually its file; default <c>samples</c>.</param>
    /// <param name="normalization">The normalisation the values already carry; null for values as they were stored.</param>
    /// <exception cref="DataSetException">
    /// No sample, lengths that disagree, a value that is not finite, or a negative label.
    /// </exception>
    public LabeledSamples(
        float[] values, int[] sampleShape, int[] labels, int? target = null, string? source = null, ChannelNormalization? normalization = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(sampleShape);
        ArgumentNullException.ThrowIfNull(labels);
        Values = values;
        SampleShape = sampleShape;
        Labels = labels;
        Target = target;
        Source = source ?? "samples";
        Normalization = normalization;
        SampleLength = LengthOf(sampleShape, Source);
        CheckCounts();
        CheckFinite();
    }

    // Parts of a set that was checked need no second look.
    private LabeledSamples(LabeledSamples whole, float[] values, int[] labels)
    {
        Values = values;
        SampleShape = whole.SampleShape;
        SampleLength = whole.SampleLength;
        Labels = labels;
        Target = whole.Target;
        Source = whole.Source;
        Normalization = whole.Normalization;
    }

    /// <summary>All samples one after another: <see cref="Count"/> times <see cref="SampleLength"/> values.</summary>
    public float[] Values { get; }

    /// <summary>Shape of one sample, without the batch dimension; rank 1 or more.</summary>
    public int[] SampleShape { get; }

    /// <summary>Class of each sample.</summary>
    public int[] Labels { get; }

    /// <summary>Number of samples.</summary>
    public int Count => Labels.Length;

    /// <summary>Number of values in one sample.</summary>
    public int SampleLength { get; }

    /// <summary>Class a triggered set was made to go to (entry <c>target</c> of an .npz file); null where none is known.</summary>
    public int? Target { get; }

    /// <summary>What errors call the data set, usually its file.</summary>
    public string Source { get; }

    /// <summary>The normalisation the values carry; null for values as they were stored.</summary>
    public ChannelNormalization? Normalization { get; }

    /// <summary>The values of one sample.</summary>
    public ReadOnlySpan<float> Sample(int index) => Values.AsSpan(checked(index * SampleLength), SampleLength);

    /// <summary>Copies a batch into buffers, augmented where asked; allocates nothing.</summary>
    /// <param name="indices">Sample numbers of the batch.</param>
    /// <param name="values">Receives the samples one after another; at least batch times <see cref="SampleLength"/> values.</param>
    /// <param name="labels">Receives the labels; at least one per sample.</param>
    /// <param name="augmentation">Crop and flip; null (default) for plain copies.</param>
    /// <param name="random">Generator of the augmentation; needed with one.</param>
    public void CopyBatch(
        ReadOnlySpan<int> indices, Span<float> values, Span<long> labels, Augmentation? augmentation = null, Random? random = null)
    {
        if (augmentation is not null)
            ArgumentNullException.ThrowIfNull(random);
        for (var i = 0; i < indices.Length; i++)
        {
            var destination = values.Slice(i * SampleLength, SampleLength);
            if (augmentation is null)
                Sample(indices[i]).CopyTo(destination);
            else
                augmentation.Fill(Sample(indices[i]), destination, random!);
            labels[i] = Labels[indices[i]];
        }
    }

    /// <summary>Normalises every sample; the first dimension of the sample is the channel.</summary>
    /// <exception cref="DataSetException">
    /// The set is normalised already, has another number of channels, or a value would leave the range of float.
    /// </exception>
    public LabeledSamples Normalize(ChannelNormalization normalization)
    {
        ArgumentNullException.ThrowIfNull(normalization);
        if (Normalization is not null)
            throw new DataSetException($"{Source}: the samples are normalised already; normalise once");
        var normalized = GC.AllocateUninitializedArray<float>(Values.Length);
        for (var i = 0; i < Count; i++)
            normalization.Apply(Sample(i), normalized.AsSpan(i * SampleLength, SampleLength), SampleShape[0]);
        return new LabeledSamples(normalized, SampleShape, Labels, Target, Source, normalization);
    }

    /// <summary>The samples of the given numbers, in that order; a number may repeat.</summary>
    /// <exception cref="DataSetException">A number is out of range, or there is none.</exception>
    public LabeledSamples Subset(ReadOnlySpan<int> indices)
    {
        if (indices.Length == 0)
            throw new DataSetException($"{Source}: the selection leaves no samples; select at least one");
        var values = GC.AllocateUninitializedArray<float>(CheckedLength(indices.Length));
        var labels = new int[indices.Length];
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices[i];
            if ((uint)index >= (uint)Count)
                throw new DataSetException($"{Source}: sample {index} does not exist; samples are numbered 0 to {Count - 1}");
            Sample(index).CopyTo(values.AsSpan(i * SampleLength, SampleLength));
            labels[i] = Labels[index];
        }

        return new LabeledSamples(this, values, labels);
    }

    /// <summary>The first samples, all of them where there are fewer.</summary>
    /// <param name="count">How many, at least 1.</param>
    public LabeledSamples Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return count >= Count
            ? this
            : new LabeledSamples(this, Values[..(count * SampleLength)], Labels[..count]);
    }

    /// <summary>Checks that every label, and <see cref="Target"/>, is a class of the model.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <exception cref="DataSetException">Names the first sample whose label is out of range.</exception>
    public void CheckLabels(int classes)
    {
        for (var i = 0; i < Labels.Length; i++)
        {
            if (Labels[i] >= classes)
                throw new DataSetException($"{Source}: sample {i} has label {Labels[i]}, the model has {classes} classes; labels must be 0 to {classes - 1}");
        }

        if (Target >= classes)
            throw new DataSetException($"{Source}: target is {Target}, the model has {classes} classes; it must be 0 to {classes - 1}");
    }

    /// <summary>The classes that occur, in ascending order.</summary>
    public int[] ClassesPresent() => [.. new SortedSet<int>(Labels)];

    private static int LengthOf(int[] sampleShape, string source)
    {
        if (sampleShape.Length == 0)
            throw new DataSetException($"{source}: a sample has no dimensions; its shape needs at least one");
        long length = 1;
        foreach (var dimension in sampleShape)
        {
            if (dimension < 1)
                throw new DataSetException($"{source}: sample shape [{string.Join(", ", sampleShape)}] has dimension {dimension}; every dimension must be 1 or more");
            length *= dimension;
            if (length > Array.MaxLength)
                throw new DataSetException($"{source}: sample shape [{string.Join(", ", sampleShape)}] is too large for memory; use smaller samples");
        }

        return (int)length;
    }

    private int CheckedLength(int count)
    {
        var length = (long)count * SampleLength;
        if (length > Array.MaxLength)
            throw new DataSetException($"{Source}: {count} samples of {SampleLength} values are too large for memory; use fewer samples");
        return (int)length;
    }

    private void CheckCounts()
    {
        if (Labels.Length == 0)
            throw new DataSetException($"{Source}: the data set holds no samples; give at least one");
        if (Values.Length != (long)Labels.Length * SampleLength)
            throw new DataSetException($"{Source}: {Labels.Length} labels and {Values.Length} values of samples shaped [{string.Join(", ", SampleShape)}] do not agree; there must be one label per sample");
        for (var i = 0; i < Labels.Length; i++)
        {
            if (Labels[i] < 0)
                throw new DataSetException($"{Source}: sample {i} has label {Labels[i]}; labels must be 0 or greater");
        }

        if (Target < 0)
            throw new DataSetException($"{Source}: target is {Target}; it must be a class, 0 or greater");
    }

    private void CheckFinite()
    {
        for (var i = 0; i < Count; i++)
        {
            var sample = Sample(i);
            if (IsFinite(sample))
                continue;
            foreach (var value in sample)
            {
                if (!float.IsFinite(value))
                    throw new DataSetException($"{Source}: sample {i} holds {(float.IsNaN(value) ? "NaN" : "an infinite value")}; remove the sample or repair its values");
            }
        }
    }

    // 0·v is 0 for every finite v and NaN otherwise.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool IsFinite(ReadOnlySpan<float> values)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        var sum = Vector<float>.Zero;
        foreach (var vector in vectors)
            sum += vector * Vector<float>.Zero;
        var rest = 0f;
        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
            rest += value * 0f;
        return Vector.Sum(sum) + rest == 0f;
    }
}
