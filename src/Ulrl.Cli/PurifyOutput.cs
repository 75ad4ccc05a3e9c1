using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Cli;

/// <summary>What <c>ulrl purify</c> and <c>ulrl defend</c> print.</summary>
internal static class PurifyOutput
{
    // With more classes than this only the neurons that changed most are shown.
    private const int MostRows = 20;

    public static void Print(PurificationReport report, EvaluationComparison? measured, string modelPath, string? reportPath, Terminal terminal)
    {
        terminal.Write(Measures(report, measured));
        terminal.Write(Neurons(report));
        terminal.Write(Classes(report, measured));
        var facts = new Facts();
        var suspicious = report.SuspiciousNeurons;
        facts.Add("suspicious neurons", suspicious.Count == 0 ? "none" : string.Join(", ", report.Neurons.Where(n => n.IsSuspicious).Select(n => $"{n.Neuron} (z-score {Number(n.ZScore, "0.0")})")));
        facts.Add("backdoor before", DetectionText.Of(report.Detection));
        facts.Add("classifier layer", PlainText.Name(report.Classifier.Weight));
        facts.Add("trained", $"{report.Parameters.Values.ToString("N0", CultureInfo.InvariantCulture)} parameters on {report.Device} by {report.Engine}");
        facts.Add("seconds", $"preparation {Number(report.PreparationSeconds, "0.00")}, unlearning {Number(report.Unlearning.Seconds, "0.00")} ({report.Unlearning.Epochs.Count} epochs), detection {Number(report.DetectionSeconds, "0.00")}, relearning {Number(report.Relearning.Seconds, "0.00")} ({report.Relearning.Epochs.Count} epochs), evaluation {Number(report.EvaluationSeconds, "0.00")}");
        facts.Add("purified model", modelPath);
        if (reportPath is not null)
            facts.Add("report", reportPath);
        facts.Print(terminal);
        foreach (var warning in report.Warnings)
            terminal.WriteLine("warning: " + PlainText.Line(warning));
    }

    /// <summary>Prints the report as JSON, with the paths of what was written.</summary>
    public static void PrintJson(PurificationReport report, EvaluationComparison? measured, Terminal terminal, params (string Name, string? Path)[] written)
    {
        var tree = JsonNode.Parse(ReportWriter.ToJson(report, measured))!.AsObject();
        foreach (var (name, path) in written)
            tree[name] = path;
        terminal.WriteLine(tree.ToString());
    }

    private static Table Measures(PurificationReport report, EvaluationComparison? measured)
    {
        var table = Tables.Create("Before and after");
        table.AddColumn("measure");
        foreach (var heading in new[] { "samples", "before", "after" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        if (measured is null)
        {
            table.AddTexts("accuracy, the clean samples", $"{report.SampleCount}", Tables.Share(report.AccuracyBefore), Tables.Share(report.AccuracyAfter));
            return table;
        }

        var (before, after) = (measured.Before, measured.After);
        table.AddTexts("clean accuracy", $"{before.Clean.Count}", Tables.Share(before.Clean.Accuracy), Tables.Share(after.Clean.Accuracy));
        if (before.Attack is { } attacked && after.Attack is { } defended)
        {
            table.AddTexts(attacked.Target is { } target ? $"attack success, class {target}" : "attack success", $"{attacked.Count}", Tables.Share(attacked.AttackSuccessRate), Tables.Share(defended.AttackSuccessRate));
            table.AddTexts("robust accuracy", $"{attacked.Count}", Tables.Share(attacked.RobustAccuracy), Tables.Share(defended.RobustAccuracy));
        }

        if (measured.Rating is { } rating)
            table.AddTexts("defense effectiveness rating", "", "", Tables.Share(rating));
        return table;
    }

    private static Table Neurons(PurificationReport report)
    {
        var all = report.Neurons.Count <= MostRows;
        var table = Tables.Create(all ? "Neuron weight change" : $"Neuron weight change, the {MostRows} largest of {report.Neurons.Count}");
        var reach = report.Detection.Reach.ToDictionary(r => r.Class, r => r.Share);
        string[] searched = reach.Count > 0 ? ["reach"] : [];
        foreach (var heading in (string[])["neuron", "weight change", "z-score", .. searched])
            table.AddColumn(new TableColumn(heading).RightAligned());
        table.AddColumn("");
        foreach (var n in all ? report.Neurons : report.Neurons.OrderByDescending(n => n.IsSuspicious).ThenByDescending(n => n.WeightChange).Take(MostRows))
        {
            var share = searched.Select(_ => Tables.Share(reach.GetValueOrDefault(n.Neuron, double.NaN)));
            table.AddTexts([$"{n.Neuron}", Number(n.WeightChange, "0.000"), Number(n.ZScore, "0.00"), .. share, n.IsSuspicious ? "suspicious" : ""]);
        }

        return table;
    }

    private static Table Classes(PurificationReport report, EvaluationComparison? measured)
    {
        var rows = measured is null
            ? report.Classes.Select(c => (c.Class, c.Samples, Before: c.Before ?? double.NaN, After: c.After ?? double.NaN))
            : measured.Before.Clean.Classes.Zip(measured.After.Clean.Classes, (b, a) => (b.Class, Samples: b.Count, Before: b.Accuracy, After: a.Accuracy));
        var table = Tables.Create("Accuracy per class");
        foreach (var heading in new[] { "class", "samples", "before", "after" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var row in rows)
            table.AddTexts($"{row.Class}", $"{row.Samples}", Tables.Share(row.Before), Tables.Share(row.After));
        return table;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
