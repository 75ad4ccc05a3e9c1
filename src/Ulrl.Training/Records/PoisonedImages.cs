using Ulrl.Training.Data;

namespace Ulrl.Training.Records;

/// <summary>
/// A poisoned data set of a record, the state of BackdoorBench's <c>prepro_cls_DatasetBD_v2</c>: which samples of the
/// clean data set it has, and the stored images of those that carry the trigger.
/// </summary>
public sealed class PoisonedImages
{
    private readonly ContainedFolder folder;

    internal PoisonedImages(ContainedFolder folder, IReadOnlyList<PoisonedImage> images, int cleanCount)
    {
        this.folder = folder;
        Images = images;
        CleanCount = cleanCount;
    }

    /// <summary>The samples, in order.</summary>
    public IReadOnlyList<PoisonedImage> Images { get; }

    /// <summary>Number of samples in the clean data set it was made from.</summary>
    public int CleanCount { get; }

    /// <summary>Number of samples that carry the trigger.</summary>
    public int PoisonedCount => Images.Count(image => image.IsPoisoned);

    /// <summary>Reads the samples as a network takes them: resized, scaled to [0,1], normalised.</summary>
    /// <param name="clean">The clean data set, the test images for the test set.</param>
    /// <param name="shape">Channels, height, width.</param>
    /// <param name="normalization">Normalisation; null for none.</param>
    /// <param name="decoder">Decodes the stored PNG files; null where there is none.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="RecordException">The clean data set is another one, or there are no samples.</exception>
    /// <exception cref="DataSetException">An image is missing, damaged, or lies outside the record.</exception>
    public PoisonedSamples Read(
        LabeledImages clean, IReadOnlyList<int> shape, ChannelNormalization? normalization, IImageDecoder? decoder = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(clean);
        ArgumentNullException.ThrowIfNull(shape);
        if (clean.Count != CleanCount)
            throw new RecordException($"'{folder.Path}': the poisoned data set was made from {CleanCount} images, {clean.Source} has {clean.Count}; give the data set that the record was made with");
        if (Images.Count == 0)
            throw new RecordException($"'{folder.Path}': the poisoned data set has no samples; the record is incomplete");
        var samples = new SampleBuilder($"'{folder.Path}'", Images.Count, shape, normalization);
        var trueLabels = new int[Images.Count];
        for (var i = 0; i < Images.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var image = Images[i];
            var label = image.Label ?? clean.Label(image.Index);
            trueLabels[i] = image.TrueLabel ?? label;
            if (image.File is { } file)
                samples.Set(i, ImageFile.Read(folder, file, decoder), label, $"'{Path.Combine([folder.Path, .. file])}'");
            else
                samples.Set(i, clean.Image(image.Index), label, $"{clean.Source}, image {image.Index}");
        }

        return new PoisonedSamples(samples.Finish(), trueLabels);
    }
}
