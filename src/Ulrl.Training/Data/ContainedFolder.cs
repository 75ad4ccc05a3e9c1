namespace Ulrl.Training.Data;

/// <summary>
/// A folder whose files are read without ever leaving it: names do not lead upwards, and no link below it is followed.
/// The folder itself may be a link, since the user has named it.
/// </summary>
internal sealed class ContainedFolder
{
    private readonly Func<string, Exception> error;
    private readonly HashSet<string> checkedFolders = new(StringComparer.Ordinal);

    /// <param name="path">The folder; it need not exist.</param>
    /// <param name="error">Makes the error of the caller's kind.</param>
    public ContainedFolder(string path, Func<string, Exception> error)
    {
        Path = path;
        this.error = error;
    }

    /// <summary>The folder, as it was given.</summary>
    public string Path { get; }

    /// <summary>Whether a name is one plain part of a path.</summary>
    public static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    /// <summary>The path of a file or folder inside; it need not exist, but no part of it is a link.</summary>
    /// <param name="parts">Plain names, outermost first.</param>
    public string Find(params IEnumerable<string> parts)
    {
        var current = Path;
        foreach (var part in parts)
        {
            if (!IsPlainName(part))
                throw error($"'{Path}': a file is named that lies outside the folder; the record or data set is damaged or an attack");
            current = System.IO.Path.Combine(current, part);
            if (checkedFolders.Contains(current))
                continue;
            if (new FileInfo(current).LinkTarget is not null)
                throw error($"'{current}' is a link, and links inside records and data sets are not followed; put the file itself there");
            if (Directory.Exists(current))
                checkedFolders.Add(current);
        }

        return current;
    }

    /// <summary>Opens a file inside.</summary>
    /// <param name="parts">Plain names, outermost first.</param>
    public FileStream Open(params IEnumerable<string> parts)
    {
        var path = Find(parts);
        var file = new FileInfo(path);
        if (!file.Exists)
            throw error(Directory.Exists(path) ? $"'{path}' is a folder where a file is expected" : $"'{path}' does not exist; the record or data set is incomplete, or lies elsewhere");
        // Pipes and devices, which may never end, have no length.
        if (file.Length == 0)
            throw error($"'{path}' is empty or no ordinary file; the record or data set is incomplete");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (DataSetFile.IsReadFailure(e))
        {
            throw error($"'{path}' cannot be read: {e.Message.TrimEnd('.')}; check the permissions");
        }
    }

    /// <summary>Reads a whole file inside.</summary>
    /// <param name="most">Bytes it may have.</param>
    /// <param name="parts">Plain names, outermost first.</param>
    public byte[] Read(int most, params IEnumerable<string> parts)
    {
        using var stream = Open(parts);
        if (stream.Length > most)
            throw error($"'{stream.Name}' has {stream.Length} bytes, more than the {most} that such a file can need; it is damaged or an attack");
        try
        {
            var bytes = GC.AllocateUninitializedArray<byte>((int)stream.Length);
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (IOException e)
        {
            throw error($"'{stream.Name}' cannot be read: {e.Message.TrimEnd('.')}; check the disk");
        }
    }
}
