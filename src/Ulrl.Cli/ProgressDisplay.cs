using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>Shows the progress of a purification as the terminal allows: bars, or lines.</summary>
internal static class ProgressDisplay
{
    /// <summary>Runs a purification.</summary>
    /// <param name="terminal">Where it is shown.</param>
    /// <param name="purify">The purification, given whom to tell.</param>
    public static PurificationResult Run(Terminal terminal, Func<IProgress<PurificationProgress>, PurificationResult> purify)
    {
        if (terminal.IsInteractive)
            return ProgressBars.Run(terminal, purify);
        var lines = new ProgressLines(terminal);
        var result = purify(lines);
        lines.Finish();
        return result;
    }
}
