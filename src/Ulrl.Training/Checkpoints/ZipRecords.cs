using System.IO.Compression;
using Ulrl.Training.Data;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// The records of a torch zip file. They are read into memory, never extracted, so a name leads nowhere; names that
/// try to, and names given twice, are refused all the same.
/// </summary>
internal sealed class ZipRecords : IDisposable
{
    // Deflate cannot expand by more than 1032:1 (a match of 258 bytes takes at least 2 bits).
    private const long MaxDeflateRatio = 1032;

    private readonly string name;
    private readonly ZipArchive archive;
    private readonly Dictionary<string, ZipArchiveEntry> entries;
    private readonly SizeBudget budget;
    private long compressed;

    private ZipRecords(string name, ZipArchive archive, Dictionary<string, ZipArchiveEntry> entries, long length)
    {
        this.name = name;
        this.archive = archive;
        this.entries = entries;
        budget = new SizeBudget(length);
    }

    /// <summary>Names of the records in the order of the file.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Whether they are those of <c>torch.jit.save</c>, which come with code.</summary>
    public bool IsTorchScript => Names.Any(record => record.EndsWith("/constants.pkl", StringComparison.Ordinal) || record.Contains("/code/", StringComparison.Ordinal));

    /// <summary>Opens an archive; the stream stays the caller's.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="name">File, for errors.</param>
    /// <exception cref="CheckpointException">It is no zip archive, or holds names that are refused.</exception>
    public static ZipRecords Open(Stream stream, string name)
    {
        var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        var opened = false;
        try
        {
            var entries = new Dictionary<string, ZipArchiveEntry>(StringComparer.Ordinal);
            foreach (var entry in archive.Entries)
            {
                var record = entry.FullName;
                if (record.StartsWith('/') || record.Contains('\\') || record.Split('/').Contains(".."))
                    throw new CheckpointException($"{name} holds a record whose name leads out of the archive; the file is an attack");
                if (!entries.TryAdd(record, entry))
                    throw new CheckpointException($"{name} holds a record twice; the file is damaged or an attack");
            }

            opened = true;
            return new ZipRecords(name, archive, entries, stream.Length);
        }
        finally
        {
            if (!opened)
                archive.Dispose();
        }
    }

    /// <summary>Whether there is a record of that name.</summary>
    public bool Contains(string record) => entries.ContainsKey(record);

    /// <summary>Reads one record whole.</summary>
    /// <param name="record">Its name.</param>
    /// <param name="what">What the record is called in errors, without text from the file.</param>
    /// <param name="length">Length it must have; null for any.</param>
    /// <exception cref="CheckpointException">It is missing, damaged, encrypted or out of proportion.</exception>
    public byte[] Read(string record, string what, long? length = null)
    {
        var where = $"{name}, {what}";
        if (!entries.TryGetValue(record, out var entry))
            throw new CheckpointException($"{where} is missing; the file is truncated or damaged");
        if (entry.IsEncrypted)
            throw new CheckpointException($"{where} is encrypted; store it without a password");
        if (length is not null && entry.Length != length)
            throw new CheckpointException($"{where} has {entry.Length} bytes where the pickle claims {length}; the file is damaged");
        Charge(where, entry);
        var bytes = GC.AllocateUninitializedArray<byte>((int)entry.Length);
        try
        {
            using var stream = entry.Open();
            var input = new CheckedInput(stream, where);
            input.ReadExactly(bytes);
            input.ExpectEnd();
            if (input.Checksum != entry.Crc32)
                throw new CheckpointException($"{where}: the checksum does not match; the file is damaged");
        }
        catch (DataSetException e)
        {
            throw new CheckpointException(e.Message, e);
        }

        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => archive.Dispose();

    private void Charge(string where, ZipArchiveEntry entry)
    {
        var (length, stored) = (entry.Length, entry.CompressedLength);
        if (length < 0 || stored < 0 || stored > budget.FileLength - compressed)
            throw new CheckpointException($"{where}: the records together are longer than the file, so they overlap; the file is an attack or damaged");
        compressed += stored;
        if (length > Array.MaxLength || length > stored * MaxDeflateRatio)
            throw new CheckpointException($"{where}: {length} bytes are claimed, more than can be there; the file is damaged");
        budget.Charge(where, length);
    }
}
