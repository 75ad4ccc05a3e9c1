namespace Ulrl.Training;

/// <summary>Writes files whole or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes to a new file beside <paramref name="path"/>, flushes it to the disk and renames it over
    /// <paramref name="path"/>; on any failure the new file is deleted and what stood at <paramref name="path"/> stays.
    /// </summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="UlrlException">The file cannot be written: no such folder, no permission, read-only or full disk.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string target = Path.GetFullPath(path);
        string aside = target + "." + Path.GetRandomFileName() + ".tmp";
        if (Directory.Exists(target))
            throw new UlrlException($"cannot write '{path}': it is a folder; give a file name.");
        // Renaming over a device file would replace the device.
        if (!OperatingSystem.IsWindows() && Path.GetDirectoryName(target) == "/dev")
            throw new UlrlException($"cannot write '{path}': it is a device; give a file name.");

        bool renamed = false;
        try
        {
            try
            {
                using (var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
                {
                    write(stream);
                    stream.Flush(flushToDisk: true);
                }

                File.Move(aside, target, overwrite: true);
                renamed = true;
            }
            finally
            {
                if (!renamed && File.Exists(aside))
                    File.Delete(aside);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = e.Message.Replace(aside, target, StringComparison.Ordinal).TrimEnd('.');
            throw new UlrlException($"cannot write '{path}': {reason}; choose a folder that exists, can be written to and has room.", e);
        }
    }
}
