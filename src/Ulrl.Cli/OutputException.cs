using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>A result cannot be written.</summary>
internal sealed class OutputException(string message, Exception innerException) : UlrlException(message, innerException);
