namespace Ulrl.Training.Data;

/// <summary>Writes a file aside and renames it into place, so a reader never sees half of it.</summary>
internal static class AtomicFile
{
    /// <summary>Creates or replaces a file; when writing fails the old file stays and nothing is left behind.</summary>
    /// <param name="path">File to write; its folder must exist.</param>
    /// <param name="write">Writes the content to a seekable stream.</param>
    /// <exception cref="UlrlException">The file cannot be written: folder missing, no permission, disk full.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? aside = null;
        try
        {
            var full = Path.GetFullPath(path);
            aside = Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetRandomFileName()}.tmp");
            using (var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(aside, full, overwrite: true);
            aside = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UlrlException($"'{path}' cannot be written: {e.Message.TrimEnd('.')}; choose a folder that exists, is writable and has room", e);
        }
        finally
        {
            if (aside is not null)
                File.Delete(aside);
        }
    }
}
