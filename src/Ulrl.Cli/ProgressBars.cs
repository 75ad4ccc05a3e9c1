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
        tasks[PurificationPhase.Preparation] = context.AddTask(ProgressText.Name(PurificationPhase.Preparation), maxValue: 1).IsIndeterminate();
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
        var description = ProgressText.Of(value);
        if (!tasks.TryGetValue(value.Phase, out var task))
        {
            Finish();
            tasks[value.Phase] = task = context.AddTask(description, maxValue: value.Steps);
        }

        task.Description = description;
        task.MaxValue = value.Steps;
        task.Value = value.Step;
    }

    // Unlearning ends before its last epoch when it has unlearned enough.
    private void Finish()
    {
        foreach (var task in tasks.Values)
            task.IsIndeterminate(false).Value = task.MaxValue;
    }
}
