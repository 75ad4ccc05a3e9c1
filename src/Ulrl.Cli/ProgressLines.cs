using System.Globalization;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>Progress where lines cannot be redrawn: one line per epoch.</summary>
internal sealed class ProgressLines(Terminal terminal) : IProgress<PurificationProgress>
{
    private PurificationProgress? last;

    public void Report(PurificationProgress value)
    {
        if (last is { } previous && (previous.Phase != value.Phase || previous.Epoch != value.Epoch))
            Print(previous);
        last = value;
    }

    /// <summary>Prints the epoch that no other followed.</summary>
    public void Finish()
    {
        if (last is { } final)
            Print(final);
        last = null;
    }

    private void Print(PurificationProgress epoch) => terminal.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{ProgressText.Of(epoch)}, up to {epoch.Remaining.TotalSeconds:0.0} s left"));
}
