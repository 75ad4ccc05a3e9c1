namespace Ulrl.Training.Data;

/// <summary>Images of one size whose bytes are in memory, such as CIFAR's and MNIST's.</summary>
internal sealed class ImagesInMemory : LabeledImages
{
    private readonly int[] shape;
    private readonly (byte[] Pixels, int First)[] parts;
    private readonly int[] labels;

    /// <param name="source">What errors call the images.</param>
    /// <param name="shape">Channels, height, width.</param>
    /// <param name="parts">Images one after another, channels first, in parts with their labels.</param>
    public ImagesInMemory(string source, int[] shape, IReadOnlyList<(byte[] Pixels, int[] Labels)> parts)
        : base(source)
    {
        this.shape = shape;
        labels = [.. parts.SelectMany(part => part.Labels)];
        this.parts = new (byte[], int)[parts.Count];
        for (int i = 0, first = 0; i < parts.Count; first += parts[i].Labels.Length, i++)
            this.parts[i] = (parts[i].Pixels, first);
    }

    /// <inheritdoc/>
    public override int Count => labels.Length;

    /// <inheritdoc/>
    public override int Label(int index) => labels[index];

    /// <inheritdoc/>
    public override ImagePixels Image(int index)
    {
        var (channels, plane) = (shape[0], shape[1] * shape[2]);
        var (pixels, first) = Array.FindLast(parts, part => part.First <= index);
        var source = pixels.AsSpan((index - first) * channels * plane, channels * plane);
        var values = new byte[source.Length];
        for (var c = 0; c < channels; c++)
        {
            for (var i = 0; i < plane; i++)
                values[(i * channels) + c] = source[(c * plane) + i];
        }

        return new ImagePixels(shape[2], shape[1], channels, values);
    }
}
