namespace Ulrl.Training.Data;

/// <summary>Images and labels of one CIFAR file.</summary>
/// <param name="Pixels">Images of <see cref="ImageBytes"/> one after another, channels first.</param>
/// <param name="Labels">Class of each image.</param>
internal sealed record CifarBatch(byte[] Pixels, int[] Labels)
{
    /// <summary>Bytes of one image: three channels of 32 by 32.</summary>
    public const int ImageBytes = 3 * 32 * 32;

    /// <summary>Puts batches together, pixels scaled to [0,1].</summary>
    /// <exception cref="DataSetException">They are more than one array can hold.</exception>
    public static LabeledSamples Join(IReadOnlyList<CifarBatch> batches, string source)
    {
        var count = batches.Sum(batch => (long)batch.Labels.Length);
        if (count * ImageBytes > Array.MaxLength)
            throw new DataSetException($"{source}: {count} samples are more than one array can hold; use fewer samples");
        var values = GC.AllocateUninitializedArray<float>((int)count * ImageBytes);
        var at = 0;
        foreach (var batch in batches)
        {
            PixelScale.Scale(batch.Pixels, values.AsSpan(at, batch.Pixels.Length));
            at += batch.Pixels.Length;
        }

        return new LabeledSamples(values, [3, 32, 32], [.. batches.SelectMany(batch => batch.Labels)], source: source);
    }
}
