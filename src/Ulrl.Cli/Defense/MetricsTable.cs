using System.Globalization;
using System.Text;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Cli.Defense;

/// <summary>The epochs of one phase under BackdoorBench's column names: table, summary and plots.</summary>
internal sealed class MetricsTable
{
    // What concerns poisoned training samples has no column, as in the published tables: the training samples are clean.
    private static readonly (string Name, Func<EpochRow, double> Value)[] Columns =
    [
        ("epoch", row => row.Epoch),
        ("batch", row => row.Batches),
        ("train_epoch_loss_avg_over_batch", row => row.TrainLoss),
        ("train_acc", row => row.TrainAccuracy),
        ("train_acc_clean_only", row => row.TrainAccuracy),
        ("clean_test_loss_avg_over_batch", row => row.Tested?.Clean.MeanCrossEntropy ?? double.NaN),
        ("bd_test_loss_avg_over_batch", row => row.Tested?.PoisonedLoss ?? double.NaN),
        ("test_acc", row => row.Tested?.Clean.Accuracy ?? double.NaN),
        ("test_asr", row => row.Tested?.Attack.AttackSuccessRate ?? double.NaN),
        ("test_ra", row => row.Tested?.Attack.RobustAccuracy ?? double.NaN),
    ];

    private readonly List<EpochRow> rows = [];

    /// <summary>Adds an epoch.</summary>
    public void Add(EpochRow row) => rows.Add(row);

    /// <summary>One line per epoch, as pandas' <c>to_csv</c> writes it; what was not measured is empty.</summary>
    public string ToCsv() => Csv(Columns.Select(c => c.Name), rows.Select((row, i) => ($"{i}", Columns.Select(c => Number(c.Value(row))))));

    /// <summary>The last value of every column, its largest, and whether a value is missing.</summary>
    public string ToSummary()
    {
        var values = Columns.Select(c => rows.Select(c.Value).Where(v => !double.IsNaN(v)).ToArray()).ToArray();
        return Csv(
            Columns.Select(c => c.Name),
            [
                ("last", values.Select(v => Number(v.LastOrDefault(double.NaN)))),
                ("valid_max", values.Select(v => Number(v.DefaultIfEmpty(double.NaN).Max()))),
                ("exist_nan_value", values.Select(v => v.Length < rows.Count ? "True" : "False")),
            ]);
    }

    /// <summary>The losses.</summary>
    public LinePlot LossPlot() => new(
        "Results", "Epochs", "Loss", [Series("Train Loss", 2), Series("Test Clean loss", 5), Series("Test Backdoor Loss", 6)], Most: 0);

    /// <summary>Accuracies and attack success.</summary>
    public LinePlot AccuracyPlot() => new(
        "Results", "Epochs", "ACC", [Series("Train Acc", 3), Series("Test C-Acc", 7), Series("Test ASR", 8), Series("Test RA", 9)]);

    /// <summary>The last epoch in words, for the log.</summary>
    public string Describe() => string.Join(", ", Columns.Select(c => (c.Name, Value: Number(c.Value(rows[^1])))).Where(c => c.Value.Length > 0).Select(c => $"{c.Name}: {c.Value}"));

    private PlotSeries Series(string name, int column) => new(name, [.. rows.Select(Columns[column].Value)]);

    private static string Number(double value) => double.IsNaN(value) ? "" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Csv(IEnumerable<string> header, IEnumerable<(string Name, IEnumerable<string> Cells)> lines)
    {
        var csv = new StringBuilder();
        csv.Append(',').AppendJoin(',', header).Append('\n');
        foreach (var (name, cells) in lines)
            csv.Append(name).Append(',').AppendJoin(',', cells).Append('\n');
        return csv.ToString();
    }
}
