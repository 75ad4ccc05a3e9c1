namespace Ulrl.Cli;

/// <summary>Exit codes of the tool, documented in docs/cli.md.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Unexpected = 1;
    public const int Usage = 2;
    public const int Model = 3;
    public const int Data = 4;
    public const int Device = 5;
    public const int Output = 6;
    public const int Cancelled = 130;

    public const string Help =
        "Exit codes: 0 success, 1 unexpected error, 2 usage, 3 model, 4 data, 5 device, 6 output file, 130 cancelled.";
}
