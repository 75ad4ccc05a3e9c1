namespace Ulrl.Training;

/// <summary>A checkpoint is malformed, asks for something that is refused, or is outside what Ulrl accepts.</summary>
public class CheckpointException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-sentence message and the exception behind it.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
