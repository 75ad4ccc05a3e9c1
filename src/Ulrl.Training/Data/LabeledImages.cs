namespace Ulrl.Training.Data;

/// <summary>Images with one class label each, read when they are asked for.</summary>
public abstract class LabeledImages
{
    private protected LabeledImages(string source) => Source = source;

    /// <summary>What errors call the images, usually their folder or file.</summary>
    public string Source { get; }

    /// <summary>Number of images.</summary>
    public abstract int Count { get; }

    /// <summary>Class of an image.</summary>
    /// <param name="index">Number of the image, from 0.</param>
    public abstract int Label(int index);

    /// <summary>Reads an image.</summary>
    /// <param name="index">Number of the image, from 0.</param>
    /// <exception cref="DataSetException">Its file is missing, damaged, or of a format that nothing decodes.</exception>
    public abstract ImagePixels Image(int index);

    /// <summary>Reads images as a network takes them: resized as torchvision's <c>Resize</c> does, scaled to [0,1], normalised.</summary>
    /// <param name="indices">Numbers of the images, in the order wanted.</param>
    /// <param name="shape">Channels, height, width.</param>
    /// <param name="normalization">Normalisation; null for none.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="DataSetException">A number is out of range, or an image cannot be read or has too many channels.</exception>
    public LabeledSamples ToSamples(IReadOnlyList<int> indices, IReadOnlyList<int> shape, ChannelNormalization? normalization, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(shape);
        var samples = new SampleBuilder(Source, indices.Count, shape, normalization);
        for (var i = 0; i < indices.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if ((uint)indices[i] >= (uint)Count)
                throw new DataSetException($"{Source}: image {indices[i]} does not exist; images are numbered 0 to {Count - 1}");
            samples.Set(i, Image(indices[i]), Label(indices[i]), $"{Source}, image {indices[i]}");
        }

        return samples.Finish();
    }
}
