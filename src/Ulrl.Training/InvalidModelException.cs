namespace Ulrl.Training;

/// <summary>A model file or graph is malformed, inconsistent, or outside what Ulrl accepts.</summary>
public class InvalidModelException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public InvalidModelException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-sentence message and the exception behind it.</summary>
    public InvalidModelException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
