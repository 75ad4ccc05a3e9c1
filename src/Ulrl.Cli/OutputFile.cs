using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>A file that a command is to write, checked before the work begins.</summary>
internal sealed class OutputFile
{
    private static volatile bool isWriting;

    private OutputFile(string path) => Path = path;

    /// <summary>Whether results are being written just now.</summary>
    public static bool IsWriting => isWriting;

    public string Path { get; }

    /// <summary>Whether both are one file.</summary>
    public bool IsSameAs(OutputFile other) => SameFile(RealPath(Path), RealPath(other.Path));

    /// <summary>Checks that a file can be written: its folder exists and takes files, and it is no input unless that is meant.</summary>
    /// <param name="path">The file.</param>
    /// <param name="force">Whether an input may be replaced.</param>
    /// <param name="inputs">Files that the command reads.</param>
    public static OutputFile Check(string path, bool force, params IEnumerable<string?> inputs)
    {
        if (path.Length == 0)
            throw new UsageException("the name of the output file is empty; give a file name.");
        var full = RealPath(path);
        if (!force && inputs.FirstOrDefault(i => i is not null && SameFile(RealPath(i), full)) is { } input)
            throw new UsageException($"'{path}' would replace the input '{input}'; give another name, or --force to replace it.");
        var probe = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(full) ?? full, $".{System.IO.Path.GetRandomFileName()}.tmp");
        try
        {
            if (Directory.Exists(full))
                throw new IOException("it is a folder");
            // A file that appears and goes tells more than permissions do: the file system may be read-only.
            using var stream = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"'{path}' cannot be written: {e.Message.Replace(probe, full, StringComparison.Ordinal).TrimEnd('.')}; choose a file in a folder that exists and can be written to.", e);
        }

        return new OutputFile(path);
    }

    /// <summary>Writes, unless the command was cancelled before.</summary>
    public static void WriteAll(Action write, CancellationToken cancellationToken)
    {
        isWriting = true;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            write();
        }
        catch (UlrlException e)
        {
            throw new OutputException(e.Message, e);
        }
        finally
        {
            isWriting = false;
        }
    }

    private static bool SameFile(string a, string b) =>
        string.Equals(a, b, OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);

    private static string RealPath(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            if (File.Exists(full))
                full = File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
            var folder = System.IO.Path.GetDirectoryName(full);
            return folder is not null && Directory.Exists(folder) && Directory.ResolveLinkTarget(folder, returnFinalTarget: true) is { } real
                ? System.IO.Path.Combine(real.FullName, System.IO.Path.GetFileName(full))
                : full;
        }
        catch (IOException)
        {
            // A link in a circle is no file; opening it says so.
            return full;
        }
    }
}
