using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>A result cannot be written.</summary>
internal sealed class OutputException : UlrlException
{
    public OutputException(string message)
        : base(message)
    {
    }

    public OutputException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
