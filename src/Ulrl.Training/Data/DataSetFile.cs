namespace Ulrl.Training.Data;

/// <summary>Opening files of samples, with the project's errors.</summary>
internal static class DataSetFile
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Opens a file for sequential reading.</summary>
    /// <exception cref="DataSetException">The file does not exist or may not be read.</exception>
    public static FileStream OpenRead(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
            throw new DataSetException($"'{path}' is a folder; name a file of samples");
        if (!File.Exists(path))
            throw new DataSetException($"'{path}' does not exist; check the path of the samples");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        }
        catch (Exception e) when (IsReadFailure(e))
        {
            throw new DataSetException($"'{path}' cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Whether an exception says that a file is unreadable or its compressed content broken.</summary>
    public static bool IsReadFailure(Exception e) => e is IOException or UnauthorizedAccessException or InvalidDataException;
}
