using System.Globalization;
using Spectre.Console;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>Progress on a terminal: one bar per phase.</summary>
internal sealed class ProgressBars : IProgress<PurificationProgress>
{
    private readonly ProgressContext context;
    private readonly Dictionary<PurificationPhase, ProgressTask> tasks = [];

    private ProgressBars(ProgressContext context)
    {
        this.context = context;
        tasks[PurificationPhase.Preparation] = context.AddTask(Name(PurificationPhase.Preparation), maxValue: 1).IsIndeterminate();
    }

    public static T Run<T>(Terminal terminal, Func<IProgress<PurificationProgress>, T> work) =>
        terminal.Progress.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bars = new ProgressBars(context);
                var result = work(bars);
                bars.Finish();
                return result;
            });

    public void Report(PurificationProgress value)
    {
        var description = string.Create(
            CultureInfo.InvariantCulture,
            $"{Name(value.Phase),-11} epoch {value.Epoch,3}/{value.Epochs}  loss {value.Loss,7:0.000}  accuracy {value.Accuracy:0.000}");
        if (!tasks.TryGetValue(value.Phase, out var task))
        {
            Finish();
            tasks[value.Phase] = task = context.AddTask(description, maxValue: value.Steps);
        }

        task.Description = description;
        task.Value = value.Step;
    }

    // Unlearning ends before its last epoch when it has unlearned enough.
    private void Finish()
    {
        foreach (var task in tasks.Values)
            task.IsIndeterminate(false).Value = task.MaxValue;
    }

    private static string Name(PurificationPhase phase) => phase.ToString().ToLowerInvariant();
}
