using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>Gathers batches into one buffer, augmented where that is wanted.</summary>
internal sealed class BatchLoader : IBatchSource
{
    private readonly LabeledSamples samples;
    private readonly Augmentation? augmentation;
    private readonly int seed;
    private readonly int purpose;
    private readonly float[] values;
    private readonly long[] labels;
    private Random random;

    /// <param name="samples">The samples.</param>
    /// <param name="augmentation">How to augment them; null for as they are.</param>
    /// <param name="batchSize">Most samples of a batch.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="purpose">Tells the phases' random numbers apart.</param>
    public BatchLoader(LabeledSamples samples, Augmentation? augmentation, int batchSize, int seed, int purpose)
    {
        this.samples = samples;
        this.augmentation = augmentation;
        this.seed = seed;
        this.purpose = purpose;
        values = GC.AllocateUninitializedArray<float>(checked(batchSize * samples.SampleLength));
        labels = new long[batchSize];
        random = RandomStream.Create(seed, purpose, 0);
    }

    /// <inheritdoc/>
    public void StartEpoch(int epoch) => random = RandomStream.Create(seed, purpose, epoch);

    /// <inheritdoc/>
    public TrainingBatch Load(ReadOnlySpan<int> batch)
    {
        var length = samples.SampleLength;
        samples.CopyBatch(batch, values.AsSpan(0, batch.Length * length), labels.AsSpan(0, batch.Length), augmentation, random);
        return new TrainingBatch(values.AsMemory(0, batch.Length * length), labels.AsMemory(0, batch.Length));
    }
}
