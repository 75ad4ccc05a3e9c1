using System.IO.Compression;
using System.Text;

namespace Ulrl.Training.Data;

/// <summary>
/// The plain files of a .tar.gz archive, one after another, never extracted. <see cref="System.Formats.Tar"/> would
/// allocate whatever size an extended header claims, so the few fields needed are read here (POSIX ustar); other
/// kinds of entries, extended headers among them, are passed over.
/// </summary>
internal sealed class TarEntries : IDisposable
{
    private const int BlockBytes = 512;
    private const int BufferBytes = 1 << 16;
    private const long Floor = 64L << 20;
    private const long Factor = 16;

    private readonly BoundedStream stream;
    private readonly string where;
    private long next;

    /// <summary>Reads an archive.</summary>
    /// <param name="file">The archive, at its start; closed with this.</param>
    /// <param name="where">File, for errors.</param>
    public TarEntries(FileStream file, string where)
    {
        this.where = where;
        FileLength = file.Length;
        var plain = new BufferedStream(new GZipStream(file, CompressionMode.Decompress), BufferBytes);
        stream = new BoundedStream(plain, Floor + (Factor * FileLength), where);
    }

    /// <summary>Length of the archive on disk, in bytes.</summary>
    public long FileLength { get; }

    /// <summary>Name of the present file, with its folders.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Length of the present file, in bytes, as claimed.</summary>
    public long Length { get; private set; }

    /// <summary>The content, to be read for <see cref="Length"/> bytes.</summary>
    public Stream Content => stream;

    /// <summary>Goes to the next plain file; false at the end.</summary>
    /// <exception cref="DataSetException">A header is damaged.</exception>
    public bool MoveNext()
    {
        Span<byte> header = stackalloc byte[BlockBytes];
        while (true)
        {
            stream.SkipTo(next);
            var read = stream.ReadAtLeast(header, BlockBytes, throwOnEndOfStream: false);
            if (read == 0 || (read == BlockBytes && !header.ContainsAnyExcept((byte)0)))
                return false;
            if (read < BlockBytes || !ChecksumMatches(header))
                throw new DataSetException($"{where} is no tar archive or is damaged; download it again");
            Length = Octal(header.Slice(124, 12));
            next = stream.Position + ((Length + BlockBytes - 1) / BlockBytes * BlockBytes);
            if (header[156] is not (0 or (byte)'0'))
                continue;
            var folder = header[257..262].SequenceEqual("ustar"u8) ? Text(header.Slice(345, 155)) : "";
            Name = folder.Length == 0 ? Text(header[..100]) : folder + "/" + Text(header[..100]);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    private static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? field : field[..end]);
    }

    // The sum of all bytes, those of the checksum itself taken as spaces.
    private static bool ChecksumMatches(ReadOnlySpan<byte> header)
    {
        var sum = 8 * ' ';
        for (var i = 0; i < BlockBytes; i++)
            sum += i is >= 148 and < 156 ? 0 : header[i];
        var stored = 0;
        foreach (var digit in header.Slice(148, 8))
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
                stored = (stored * 8) + digit - '0';
        }

        return stored == sum;
    }

    private long Octal(ReadOnlySpan<byte> field)
    {
        long value = 0;
        foreach (var digit in field)
        {
            if (digit is 0 or (byte)' ')
                break;
            if (digit is < (byte)'0' or > (byte)'7')
                throw new DataSetException($"{where}: a file of 8 GiB or more is claimed; the archive is damaged");
            value = (value * 8) + digit - '0';
        }

        return value;
    }
}
