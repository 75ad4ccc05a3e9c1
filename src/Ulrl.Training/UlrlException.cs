namespace Ulrl.Training;

/// <summary>
/// Base of every error that Ulrl raises about what it was given: a model, a data set, an option or a device.
/// The message is one sentence that names the file, node or value and says what to do.
/// </summary>
public class UlrlException : Exception
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public UlrlException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-sentence message and the exception behind it.</summary>
    public UlrlException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
