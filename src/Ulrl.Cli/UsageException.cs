using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>The command line makes no sense.</summary>
internal sealed class UsageException(string message) : UlrlException(message);
