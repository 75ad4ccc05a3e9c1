namespace Ulrl.Training.Checkpoints;

/// <summary>
/// How much a checkpoint may expand to: weights hardly compress, so far more bytes than the file has, be they from
/// compression, entries that overlap, or tensors that repeat one storage, are an attack or damage.
/// </summary>
/// <param name="fileLength">Length of the file on disk, in bytes.</param>
internal sealed class SizeBudget(long fileLength)
{
    private const long Floor = 16L << 20;
    private const long Factor = 16;

    private long spent;

    /// <summary>Length of the file on disk, in bytes.</summary>
    public long FileLength => fileLength;

    /// <summary>Counts bytes.</summary>
    /// <param name="where">File, and entry, for the error.</param>
    /// <param name="bytes">Bytes to come into memory.</param>
    /// <exception cref="CheckpointException">The sum is out of proportion to the file.</exception>
    public void Charge(string where, long bytes)
    {
        // Compared before the sum, which a claim near the largest number would overflow.
        if (bytes > Floor + (Factor * fileLength) - spent)
            throw new CheckpointException($"{where}: {bytes} bytes of memory are asked for, out of proportion to the file's {fileLength}; store the tensors uncompressed and each once if they are genuine");
        spent += bytes;
    }
}
