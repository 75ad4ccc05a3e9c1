namespace Ulrl.Training.Data;

/// <summary>Length of a file, and not of a symbolic link to it.</summary>
internal static class FileLength
{
    /// <summary>The file that a path leads to, through links.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="IOException">A link leads in a circle.</exception>
    public static FileInfo Resolve(string path)
    {
        var file = new FileInfo(path);
        return file.LinkTarget is null ? file : (FileInfo)file.ResolveLinkTarget(returnFinalTarget: true)!;
    }

    /// <summary>Its length in bytes.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="IOException">There is no such file, or a link leads in a circle.</exception>
    public static long Of(string path) => Resolve(path).Length;
}
