using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ulrl.Training.Data;

/// <summary>Reads exact amounts from a stream and keeps their checksum; a stream that ends early is a data set error.</summary>
internal sealed class CheckedInput(Stream stream, string where)
{
    private const int ChunkBytes = 1 << 18;

    private Crc32 checksum;

    /// <summary>File, and entry, for errors.</summary>
    public string Where => where;

    /// <summary>CRC-32 of the bytes read so far.</summary>
    public uint Checksum => checksum.Value;

    /// <summary>Fills the span.</summary>
    public void ReadExactly(Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw new DataSetException($"{where}: the data end early; the file is truncated or damaged");
        checksum.Append(bytes);
    }

    /// <summary>Fills an array of plain numbers with their bytes as stored.</summary>
    public void ReadValues<T>(T[] values)
        where T : unmanaged
    {
        var step = ChunkBytes / Unsafe.SizeOf<T>();
        for (var start = 0; start < values.Length; start += step)
            ReadExactly(MemoryMarshal.AsBytes(values.AsSpan(start, Math.Min(step, values.Length - start))));
    }

    /// <summary>Requires that nothing is left.</summary>
    public void ExpectEnd()
    {
        if (stream.ReadByte() >= 0)
            throw new DataSetException($"{where}: more data follow than the header declares; the file is damaged");
    }
}
