using System.Buffers;
using System.Buffers.Binary;

namespace Ulrl.Training.Pickle;

/// <summary>
/// The bytes of a pickle, and of what follows it in the same file. A claimed size is compared with what is left
/// before anything is allocated for it.
/// </summary>
/// <param name="stream">Positioned at the first byte.</param>
/// <param name="length">Bytes the stream holds from there on.</param>
/// <param name="where">File, and entry, for errors.</param>
/// <param name="error">Creates the room's own error from a whole message.</param>
internal sealed class PickleInput(Stream stream, long length, string where, Func<string, Exception?, UlrlException> error)
{
    /// <summary>Length given, in bytes.</summary>
    public long Length { get; } = length;

    /// <summary>Bytes not read yet.</summary>
    public long Remaining { get; private set; } = length;

    /// <summary>File, and entry, for errors.</summary>
    public string Where => where;

    /// <summary>An error of one sentence about this input.</summary>
    public UlrlException Error(string reason, Exception? inner = null) => error($"{where}: {reason}", inner);

    /// <summary>Reads one byte.</summary>
    public byte ReadByte()
    {
        Take(1);
        var value = stream.ReadByte();
        return value >= 0 ? (byte)value : throw Early();
    }

    /// <summary>Reads so many bytes into a new array.</summary>
    public byte[] ReadBytes(long count)
    {
        Take(count);
        if (count > Array.MaxLength)
            throw Error($"{count} bytes in one piece are more than one array can hold; store the data in smaller pieces");
        var bytes = GC.AllocateUninitializedArray<byte>((int)count);
        Fill(bytes);
        return bytes;
    }

    /// <summary>Reads an unsigned little-endian number of 1, 2, 4 or 8 bytes; a number above 2^63 is larger than any file.</summary>
    public long ReadNumber(int bytes)
    {
        Take(bytes);
        Span<byte> buffer = stackalloc byte[8];
        buffer.Clear();
        Fill(buffer[..bytes]);
        var value = BinaryPrimitives.ReadUInt64LittleEndian(buffer);
        return value <= long.MaxValue ? (long)value : throw Error($"a size or number of {value} is claimed; the file is damaged");
    }

    /// <summary>Reads a 64-bit float, big-endian.</summary>
    public double ReadBigEndianDouble()
    {
        Take(8);
        Span<byte> buffer = stackalloc byte[8];
        Fill(buffer);
        return BinaryPrimitives.ReadDoubleBigEndian(buffer);
    }

    /// <summary>Reads to the next line feed, which is left out.</summary>
    /// <param name="limit">Most bytes the line may have.</param>
    public byte[] ReadLine(long limit = long.MaxValue)
    {
        var line = new ArrayBufferWriter<byte>();
        while (true)
        {
            var value = ReadByte();
            if (value == (byte)'\n')
                return line.WrittenSpan.ToArray();
            if (line.WrittenCount >= limit)
                throw Error($"a name or number of more than {limit} characters; the file is damaged");
            line.Write([value]);
        }
    }

    /// <summary>Checks that a claimed size can be in the file.</summary>
    public void Require(long count)
    {
        if (count > Remaining)
            throw Error($"{count} bytes are claimed where {Remaining} are left; the file is truncated or damaged");
    }

    private void Take(long count)
    {
        Require(count);
        Remaining -= count;
    }

    private void Fill(Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw Early();
    }

    private UlrlException Early() => Error("the data end early; the file is truncated or damaged");
}
