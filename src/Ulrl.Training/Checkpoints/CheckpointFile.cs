namespace Ulrl.Training.Checkpoints;

/// <summary>Opening checkpoints, with the project's errors.</summary>
internal static class CheckpointFile
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="CheckpointException">The file does not exist or may not be read.</exception>
    public static FileStream OpenRead(string path)
    {
        if (Directory.Exists(path))
            throw new CheckpointException($"'{path}' is a folder; name a checkpoint file");
        if (!File.Exists(path))
            throw new CheckpointException($"'{path}' does not exist; check the path of the checkpoint");
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
    }

    /// <summary>Creates the room's error.</summary>
    public static CheckpointException Error(string message, Exception? inner) =>
        inner is null ? new CheckpointException(message) : new CheckpointException(message, inner);

    /// <summary>Whether an exception says that a file is unreadable or its compressed content broken.</summary>
    public static bool IsReadFailure(Exception e) =>
        e is IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException;
}
