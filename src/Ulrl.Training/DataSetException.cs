namespace Ulrl.Training;

/// <summary>A data set is malformed, does not fit the model, or is outside what Ulrl accepts.</summary>
public class DataSetException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public DataSetException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-sentence message and the exception behind it.</summary>
    public DataSetException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
