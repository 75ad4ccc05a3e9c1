namespace Ulrl.Training;

/// <summary>An architecture is not known, does not fit its input, or does not fit the weights it was given.</summary>
public sealed class ArchitectureException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public ArchitectureException(string message)
        : base(message)
    {
    }
}
