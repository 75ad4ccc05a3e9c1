using System.Globalization;

namespace Ulrl.Benchmarks;

/// <summary>One quantity of both halves, over all rounds: a row of the table.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record Comparison(string Name, string Unit)
{
    public List<double> Ulrl { get; } = [];

    public List<double> Torch { get; } = [];

    /// <summary>A Markdown table: best and median of both, and the ratios Ulrl / PyTorch.</summary>
    public static string Table(IEnumerable<Comparison> rows)
    {
        string[][] cells =
        [
            ["", "unit", "Ulrl best", "median", "PyTorch best", "median", "ratio of best", "of medians"],
            .. rows.Select(r => r.Cells()),
        ];
        var widths = Enumerable.Range(0, cells[0].Length).Select(c => cells.Max(row => row[c].Length)).ToArray();
        var rule = "| " + string.Join(" | ", widths.Select((w, c) => c < 2 ? new string('-', w) : new string('-', w - 1) + ':')) + " |";
        var lines = cells.Select(row => "| " + string.Join(" | ", row.Select((cell, c) => c < 2 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))) + " |").ToList();
        lines.Insert(1, rule);
        return string.Join('\n', lines) + "\n";
    }

    private string[] Cells()
    {
        if (Torch.Count == 0) return [Name, Unit, Number(Ulrl.Min()), Number(Median(Ulrl)), "", "", "", ""];
        return
        [
            Name, Unit, Number(Ulrl.Min()), Number(Median(Ulrl)), Number(Torch.Min()), Number(Median(Torch)),
            Ratio(Ulrl.Min() / Torch.Min()), Ratio(Median(Ulrl) / Median(Torch)),
        ];
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
