namespace Ulrl.Training.Data;

/// <summary>Counts the bytes read from a stream and refuses to go beyond a limit: the guard behind a decompressor.</summary>
/// <param name="inner">The stream read; disposed with this one.</param>
/// <param name="limit">Most bytes that may be read.</param>
/// <param name="where">File, for the error.</param>
internal sealed class BoundedStream(Stream inner, long limit, string where) : Stream
{
    private long position;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    /// <summary>Reads and drops bytes up to a position.</summary>
    /// <exception cref="DataSetException">The data end before it.</exception>
    public void SkipTo(long target)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (position < target)
        {
            if (Read(buffer[..(int)Math.Min(buffer.Length, target - position)]) == 0)
                throw new DataSetException($"{where}: the data end early; the file is truncated or damaged");
        }
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        var read = inner.Read(buffer);
        Count(read);
        return read;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override int ReadByte()
    {
        var value = inner.ReadByte();
        Count(value >= 0 ? 1 : 0);
        return value;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private void Count(int read)
    {
        position += read;
        if (position > limit)
            throw new DataSetException($"{where}: the archive expands out of proportion to its length; it is an attack or damaged");
    }
}
