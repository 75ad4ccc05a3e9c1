using System.Globalization;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>Progress where lines cannot be redrawn: one line per epoch, and for every fifth of a search.</summary>
internal sealed class ProgressLines(Terminal terminal) : IProgress<PurificationProgress>
{
    private const int SearchLines = 5;

    private PurificationProgress? last;

    public void Report(PurificationProgress value)
    {
        if (last is { } previous && Line(previous) != Line(value))
            Print(previous);
        last = value;
    }

    /// <summary>Prints the line that no other followed.</summary>
    public void Finish()
    {
        if (last is { } final)
            Print(final);
        last = null;
    }

    private static (PurificationPhase Phase, int Epoch, long Part) Line(PurificationProgress step) =>
        (step.Phase, step.Epoch, step.Phase == PurificationPhase.Search ? (step.Step - 1L) * SearchLines / step.Steps : 0);

    private void Print(PurificationProgress epoch) => terminal.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{ProgressText.Of(epoch)}, up to {epoch.Remaining.TotalSeconds:0.0} s left"));
}
