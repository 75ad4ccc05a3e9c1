namespace Ulrl.Training.Data;

/// <summary>
/// The order in which an epoch visits the samples, cut into batches; the last batch keeps what is left over,
/// as PyTorch's <c>DataLoader</c> with <c>drop_last=False</c>.
/// </summary>
public sealed class BatchSampler
{
    private const int ShufflePurpose = 1;

    private readonly int[][]? stored;
    private readonly int seed;
    private readonly int passes;

    private BatchSampler(int sampleCount, int batchSize, int seed, int passes, int[][]? stored)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(passes, 1);
        this.passes = passes;
        SampleCount = sampleCount;
        BatchSize = batchSize;
        this.seed = seed;
        this.stored = stored;
    }

    /// <summary>Number of samples in the data set.</summary>
    public int SampleCount { get; }

    /// <summary>Samples per batch; the last batch of a pass over them may have fewer.</summary>
    public int BatchSize { get; }

    /// <summary>Every pass visits every sample once, in an order of its own; the same seed gives the same orders.</summary>
    /// <param name="sampleCount">Number of samples in the data set.</param>
    /// <param name="batchSize">Samples per batch.</param>
    /// <param name="seed">Seed of the orders.</param>
    /// <param name="passes">Passes over the samples in an epoch, 1 or more; default 1.</param>
    public static BatchSampler Shuffled(int sampleCount, int batchSize, int seed, int passes = 1) => new(sampleCount, batchSize, seed, passes, null);

    /// <summary>Epochs follow stored orders, to repeat a run made elsewhere.</summary>
    /// <param name="orders">Sample numbers per epoch.</param>
    /// <param name="sampleCount">Number of samples in the data set.</param>
    /// <param name="batchSize">Samples per batch.</param>
    /// <exception cref="DataSetException">An order is empty or names a sample that does not exist.</exception>
    public static BatchSampler Stored(IReadOnlyList<int[]> orders, int sampleCount, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(orders);
        for (var epoch = 0; epoch < orders.Count; epoch++)
        {
            if (orders[epoch].Length == 0)
                throw new DataSetException($"stored order of epoch {epoch} is empty; give at least one sample number");
            foreach (var index in orders[epoch])
            {
                if ((uint)index >= (uint)sampleCount)
                    throw new DataSetException($"stored order of epoch {epoch} names sample {index}; samples are numbered 0 to {sampleCount - 1}");
            }
        }

        return new BatchSampler(sampleCount, batchSize, 0, 1, [.. orders.Select(order => (int[])order.Clone())]);
    }

    /// <summary>Number of batches in an epoch.</summary>
    /// <param name="epoch">Epoch, 0-based; only stored orders differ from epoch to epoch.</param>
    public int BatchCount(int epoch = 0)
    {
        var samples = stored is null ? SampleCount : StoredOrder(epoch).Length;
        return passes * ((samples + BatchSize - 1) / BatchSize);
    }

    /// <summary>The sample numbers of an epoch in the order they are visited.</summary>
    /// <param name="epoch">Epoch, 0-based.</param>
    /// <exception cref="DataSetException">The orders are stored and end before that epoch.</exception>
    public int[] Order(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (stored is not null)
            return (int[])StoredOrder(epoch).Clone();
        var order = new int[passes * SampleCount];
        for (var i = 0; i < order.Length; i++)
            order[i] = i % SampleCount;
        var random = RandomStream.Create(seed, ShufflePurpose, epoch);
        for (var pass = 0; pass < passes; pass++)
            random.Shuffle(order.AsSpan(pass * SampleCount, SampleCount));
        return order;
    }

    /// <summary>The batches of an epoch, as sample numbers.</summary>
    /// <param name="epoch">Epoch, 0-based.</param>
    /// <exception cref="DataSetException">The orders are stored and end before that epoch.</exception>
    public IReadOnlyList<ReadOnlyMemory<int>> Batches(int epoch)
    {
        var order = Order(epoch);
        var pass = order.Length / passes;
        var batches = new List<ReadOnlyMemory<int>>();
        for (var begin = 0; begin < order.Length; begin += pass)
        {
            for (var start = 0; start < pass; start += BatchSize)
                batches.Add(order.AsMemory(begin + start, Math.Min(BatchSize, pass - start)));
        }

        return batches;
    }

    private int[] StoredOrder(int epoch) =>
        epoch < stored!.Length
            ? stored[epoch]
            : throw new DataSetException($"orders are stored for {stored.Length} epochs, epoch {epoch} (counted from 0) was asked for; train for fewer epochs or store more orders");
}
