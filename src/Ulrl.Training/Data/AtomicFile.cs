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
        try
        {
            var full = Path.GetFullPath(path);
            var aside = Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetRandomFileName()}.tmp");
            var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
            try
            {
                using (stream)
                {
                    write(stream);
                    stream.Flush(flushToDisk: true);
                }

                File.Move(aside, full, overwrite: true);
            }
            finally
            {
                // Nothing is there any more once the file has been renamed.
                File.Delete(aside);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UlrlException($"'{path}' cannot be written: {e.Message.TrimEnd('.')}; choose a folder that exists, is writable and has room", e);
        }
    }
}
