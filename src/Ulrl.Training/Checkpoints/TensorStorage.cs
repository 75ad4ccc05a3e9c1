namespace Ulrl.Training.Checkpoints;

/// <summary>The memory behind one or more tensors, little-endian.</summary>
/// <param name="length">Number of bytes.</param>
internal sealed class TensorStorage(long length)
{
    private byte[]? bytes;

    /// <summary>Number of bytes.</summary>
    public long Length => length;

    /// <summary>Whether the bytes are there.</summary>
    public bool IsFilled => bytes is not null;

    /// <summary>The bytes; only once they are there.</summary>
    public ReadOnlySpan<byte> Bytes => bytes ?? throw new InvalidOperationException("the storage has not been read");

    /// <summary>Sets the bytes, <see cref="Length"/> of them.</summary>
    public void Fill(byte[] content)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(content.LongLength, length);
        bytes = content;
    }
}
