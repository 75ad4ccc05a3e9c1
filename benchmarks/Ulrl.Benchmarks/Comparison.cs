using System.Globalization;

namespace Ulrl.Benchmarks;

/// <summary>One quantity of both engines of Ulrl and of PyTorch, over all rounds: a row of the table.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record Comparison(string Name, string Unit)
{
    /// <summary>Ulrl on ONNX Runtime.</summary>
    public List<double> Ulrl { get; } = [];

    /// <summary>Ulrl on libtorch.</summary>
    public List<double> Libtorch { get; } = [];

    /// <summary>PyTorch.</summary>
    public List<double> Torch { get; } = [];

    /// <summary>A Markdown table: best and median of each, and the ratios of both engines to PyTorch.</summary>
    public static string Table(IEnumerable<Comparison> rows)
    {
        string[][] cells =
        [
            ["", "unit", "ONNX Runtime best", "median", "libtorch best", "median", "PyTorch best", "median", "ratios of best", "of medians"],
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
        List<double>[] columns = [Ulrl, Libtorch, Torch];
        return [Name, Unit, .. columns.SelectMany(c => c.Count == 0 ? ["", ""] : new[] { Number(c.Min()), Number(Median(c)) }), Ratios(c => c.Min()), Ratios(Median)];
    }

    // Ulrl's two engines over PyTorch.
    private string Ratios(Func<List<double>, double> of)
    {
        if (Torch.Count == 0) return "";
        var ratios = new[] { Ulrl, Libtorch }.Where(c => c.Count > 0).Select(c => (of(c) / of(Torch)).ToString("0.00", CultureInfo.InvariantCulture));
        return string.Join(", ", ratios);
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
