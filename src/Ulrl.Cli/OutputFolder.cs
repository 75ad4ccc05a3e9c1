using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>
/// A folder of results that appears whole: files are written to a hidden folder beside it and moved when all are there;
/// until then, leaving or interrupting removes every trace.
/// </summary>
internal sealed class OutputFolder : IDisposable
{
    private static volatile OutputFolder? current;

    private readonly string staging;
    private readonly string? created;

    /// <summary>Makes the hidden folder, which shows that results can be written.</summary>
    /// <param name="root">A folder that exists and is not left: a link below it would lead the results elsewhere.</param>
    /// <param name="names">Names of the folder below it.</param>
    public OutputFolder(string root, params string[] names)
    {
        Path = System.IO.Path.Combine([root, .. names]);
        for (var i = 1; i <= names.Length; i++)
        {
            var part = System.IO.Path.Combine([root, .. names[..i]]);
            if (new FileInfo(part).LinkTarget is not null || File.Exists(part))
                throw new OutputException($"'{part}' is a link or a file, and results are written into folders of the record alone; remove it.");
        }

        var parent = System.IO.Path.GetDirectoryName(Path)!;
        staging = System.IO.Path.Combine(parent, $".{names[^1]}.{System.IO.Path.GetRandomFileName()}.tmp");
        try
        {
            created = Directory.Exists(parent) ? null : Directory.CreateDirectory(parent).FullName;
            Directory.CreateDirectory(staging);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"'{Path}' cannot be written: {e.Message.TrimEnd('.')}; make the record's folder writable.", e);
        }

        current = this;
    }

    /// <summary>The folder that appears.</summary>
    public string Path { get; }

    /// <summary>Where to write a file for now.</summary>
    public string this[string name] => System.IO.Path.Combine(staging, name);

    /// <summary>Removes what an interrupted command had written so far.</summary>
    /// <returns>The hidden folder, where it could not be removed because the command was just writing into it; null otherwise.</returns>
    public static string? DiscardUnfinished()
    {
        if (current is not { } unfinished)
            return null;
        try
        {
            unfinished.Discard();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return unfinished.staging;
        }
    }

    /// <summary>Moves the files into the folder, replacing those of an earlier run.</summary>
    /// <param name="last">The file that says by being there that the others are, too.</param>
    public void Publish(string last)
    {
        try
        {
            Directory.CreateDirectory(Path);
            foreach (var file in Directory.GetFiles(staging).OrderBy(file => System.IO.Path.GetFileName(file) == last))
                File.Move(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"'{Path}' cannot be written: {e.Message.TrimEnd('.')}; make the record's folder writable.", e);
        }
    }

    public void Dispose()
    {
        Discard();
        current = null;
    }

    private void Discard()
    {
        if (Directory.Exists(staging))
            Directory.Delete(staging, recursive: true);
        if (created is not null && Directory.Exists(created) && !Directory.EnumerateFileSystemEntries(created).Any())
            Directory.Delete(created);
    }
}
