namespace Ulrl.Training;

/// <summary>A BackdoorBench record is incomplete, malformed, reaches outside its folder, or does not fit what it is used with.</summary>
public sealed class RecordException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public RecordException(string message)
        : base(message)
    {
    }
}
