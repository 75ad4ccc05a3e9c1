using System.Globalization;
using Spectre.Console;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>Progress on a terminal: one bar per phase.</summary>
internal sealed class ProgressBars(ProgressContext context) : IProgress<PurificationProgress>
{
    private readonly Dictionary<PurificationPhase, ProgressTask> tasks = [];

    public static T Run<T>(Terminal terminal, Func<IProgress<PurificationProgress>, T> work) =>
        terminal.Progress.Progress()
            .AutoClear(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new ProgressBars(context)));

    public void Report(PurificationProgress value)
    {
        if (!tasks.TryGetValue(value.Phase, out var task))
        {
            // Unlearning ends before its last epoch when it has unlearned enough.
            foreach (var earlier in tasks.Values)
                earlier.Value = earlier.MaxValue;
            tasks[value.Phase] = task = context.AddTask("", maxValue: value.Steps);
        }

        task.Description = string.Create(
            CultureInfo.InvariantCulture,
            $"{value.Phase.ToString().ToLowerInvariant(),-10} epoch {value.Epoch,3}/{value.Epochs}  loss {value.Loss,7:0.000}  accuracy {value.Accuracy:0.000}");
        task.Value = value.Step;
    }
}
