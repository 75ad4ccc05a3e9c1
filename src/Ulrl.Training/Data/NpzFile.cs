using System.IO.Compression;

namespace Ulrl.Training.Data;

/// <summary>
/// NumPy's .npz: a zip archive of .npy arrays. Arrays are read one at a time when asked for; checksums and sizes are
/// verified, and nothing is ever unpickled.
/// </summary>
public sealed class NpzFile : IDisposable
{
    private const string Suffix = ".npy";

    private static readonly DateTimeOffset FixedTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string name;
    private readonly long length;
    private readonly ZipArchive archive;
    private readonly Dictionary<string, ZipArchiveEntry> entries;

    private NpzFile(string name, long length, ZipArchive archive, Dictionary<string, ZipArchiveEntry> entries)
    {
        this.name = name;
        this.length = length;
        this.archive = archive;
        this.entries = entries;
    }

    /// <summary>Names of the arrays, without <c>.npy</c>, in the order of the file.</summary>
    public IReadOnlyList<string> Names => [.. entries.Keys];

    /// <summary>Opens a file; dispose it to close it.</summary>
    /// <exception cref="DataSetException">The file does not exist, cannot be read, or is not a zip archive.</exception>
    public static NpzFile Open(string path) => Open(DataSetFile.OpenRead(path), $"'{path}'");

    /// <summary>Writes arrays to a file, uncompressed as <c>numpy.savez</c>; equal arrays give equal bytes.</summary>
    /// <param name="path">File to create or replace, by writing aside and renaming.</param>
    /// <param name="arrays">Arrays by name; a name may hold any character but control characters.</param>
    /// <exception cref="UlrlException">A name is empty, repeated or unusable, or the file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, NpyArray>> arrays)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(arrays);
        AtomicFile.Write(path, stream => Write(stream, arrays, path));
    }

    /// <summary>Whether the file holds an array of that name.</summary>
    public bool Contains(string array) => entries.ContainsKey(array);

    /// <summary>Reads one array.</summary>
    /// <param name="array">Name without <c>.npy</c>.</param>
    /// <exception cref="DataSetException">There is no such array, or it is damaged, out of proportion, or of a refused kind.</exception>
    public NpyArray Read(string array)
    {
        if (!entries.TryGetValue(array, out var entry))
            throw new DataSetException($"{name} has no array '{array}'; it holds {(entries.Count == 0 ? "none" : string.Join(", ", entries.Keys.Take(10)))}");
        var where = $"{name}, array '{array}'";
        if (entry.IsEncrypted)
            throw new DataSetException($"{where} is encrypted; store it without a password");
        try
        {
            using var stream = entry.Open();
            var input = new CheckedInput(stream, where);
            var result = NpyFormat.Read(input, entry.Length, length);
            input.ExpectEnd();
            if (input.Checksum != entry.Crc32)
                throw new DataSetException($"{where}: the checksum does not match; the file is damaged");
            return result;
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw new DataSetException($"{where} cannot be read: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => archive.Dispose();

    /// <summary>Opens an archive and takes its stream over.</summary>
    internal static NpzFile Open(Stream stream, string name)
    {
        ZipArchive? archive = null;
        try
        {
            archive = new ZipArchive(stream, ZipArchiveMode.Read);
            var entries = new Dictionary<string, ZipArchiveEntry>(StringComparer.Ordinal);
            foreach (var entry in archive.Entries)
            {
                if (!entry.FullName.EndsWith(Suffix, StringComparison.Ordinal))
                    continue;
                if (!entries.TryAdd(entry.FullName[..^Suffix.Length], entry))
                    throw new DataSetException($"{name} holds '{entry.FullName}' twice; write it anew with numpy.savez");
            }

            var file = new NpzFile(name, stream.Length, archive, entries);
            archive = null;
            return file;
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw new DataSetException($"{name} is not a readable .npz file: {e.Message}", e);
        }
        finally
        {
            archive?.Dispose();
        }
    }

    private static void Write(Stream stream, IEnumerable<KeyValuePair<string, NpyArray>> arrays, string path)
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (array, values) in arrays)
        {
            if (array.Length == 0 || array.Any(char.IsControl))
                throw new UlrlException($"'{path}': '{array}' cannot name an array; use a name without control characters");
            if (!names.Add(array))
                throw new UlrlException($"'{path}': two arrays are named '{array}'; names must differ");
            var entry = archive.CreateEntry(array + Suffix, CompressionLevel.NoCompression);
            entry.LastWriteTime = FixedTime;
            using var output = entry.Open();
            NpyFormat.Write(output, values);
        }
    }
}
