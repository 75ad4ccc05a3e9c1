using System.Globalization;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// One dimension of a tensor as two probing runs of the forward graph showed it, with batches of
/// <see cref="FirstBatch"/> and <see cref="SecondBatch"/> samples: fixed, or growing with the batch.
/// </summary>
/// <param name="First">Size at the first batch.</param>
/// <param name="Second">Size at the second batch.</param>
internal readonly record struct Dim(long First, long Second)
{
    public const int FirstBatch = 2;
    public const int SecondBatch = 3;

    public bool IsFixed => First == Second;

    public bool IsOne => First == 1 && Second == 1;

    /// <summary>The size of a fixed dimension.</summary>
    public long Size => IsFixed ? First : throw new InvalidModelException("one of its dimensions grows with the batch where a fixed one is needed");

    /// <summary>The fixed size, or −1 where it grows with the batch, as Reshape takes it.</summary>
    public long OrMinusOne => IsFixed ? First : -1;

    /// <summary>The size at a batch of <paramref name="batch"/> samples.</summary>
    public long At(int batch) => First + ((Second - First) * (batch - FirstBatch) / (SecondBatch - FirstBatch));

    public override string ToString() => IsFixed ? First.ToString(CultureInfo.InvariantCulture) : "batch";
}
