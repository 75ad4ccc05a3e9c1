using System.Globalization;

namespace Ulrl.Efficacy.Campaign;

/// <summary>Prints tables for the documentation.</summary>
/// <param name="output">Where they go.</param>
internal sealed class Markdown(TextWriter output)
{
    private static readonly string[] Columns =
    [
        "model", "method", "runs", "clean accuracy", "worst", "attack success", "worst", "clean to target", "robust accuracy", "worst", "largest class drop", "worst",
        "flagged class drop", "worst", "DER", "floor kept", "seconds", "time ÷ Published",
    ];

    /// <summary>One row per model and method, mean and worst over the seeds.</summary>
    /// <param name="title">Heading.</param>
    /// <param name="results">The runs.</param>
    public void Compare(string title, IReadOnlyList<Result> results)
    {
        if (results.Count == 0) return;
        Head(title, Columns);
        foreach (var model in results.GroupBy(r => (r.Model, r.CleanSet)))
        {
            var published = model.Where(r => r.Method == "Published").ToDictionary(r => r.Seed, r => r.CpuSeconds);
            var first = model.First().Before;
            Row(Label(model.Key), "given", "", Number(first.CleanAccuracy), "", Number(first.AttackSuccess), "", Number(first.CleanToTarget), Number(first.RobustAccuracy), "", "", "", "", "", "", "", "", "");
            foreach (var method in model.GroupBy(r => r.Method))
            {
                Result[] runs = [.. method];
                var ratios = runs.Where(r => published.ContainsKey(r.Seed)).Select(r => r.CpuSeconds / published[r.Seed]).ToArray();
                Row(
                    "", method.Key, runs.Length.ToString(CultureInfo.InvariantCulture),
                    Mean(runs, r => r.After.CleanAccuracy), Number(runs.Min(r => r.After.CleanAccuracy)),
                    Mean(runs, r => r.After.AttackSuccess), Number(runs.Max(r => r.After.AttackSuccess)),
                    Mean(runs, r => r.After.CleanToTarget),
                    Mean(runs, r => r.After.RobustAccuracy), Number(runs.Min(r => r.After.RobustAccuracy)),
                    Mean(runs, r => r.WorstClassDrop), Number(runs.Max(r => r.WorstClassDrop)),
                    Mean(runs, r => r.FlaggedDrop), Number(runs.Max(r => r.FlaggedDrop)),
                    Mean(runs, r => r.Rating), runs.Count(r => r.KeepsFloor).ToString(CultureInfo.InvariantCulture), runs.Average(r => r.Seconds).ToString("0", CultureInfo.InvariantCulture),
                    ratios.Length == 0 ? "" : ratios.Average().ToString("0.00", CultureInfo.InvariantCulture));
            }
        }

        output.WriteLine();
    }

    /// <summary>One row per model: how sure the presets are that it is backdoored, and what they flag, seed by seed.</summary>
    public void Detection(string title, IReadOnlyList<Result> results)
    {
        if (results.Count == 0) return;
        Head(title, ["model", "method", "runs", "runs that claim a backdoor", "confidence", "least", "most", "flagged, seed by seed"]);
        foreach (var group in results.GroupBy(r => (r.Model, r.CleanSet, r.Method)))
        {
            Result[] runs = [.. group.OrderBy(r => r.Seed)];
            Row(
                Label((group.Key.Model, group.Key.CleanSet)), group.Key.Method, runs.Length.ToString(CultureInfo.InvariantCulture),
                runs.Count(r => r.Flagged.Count > 0).ToString(CultureInfo.InvariantCulture),
                Mean(runs, r => r.Confidence), Number(runs.Min(r => r.Confidence)), Number(runs.Max(r => r.Confidence)),
                string.Join("; ", runs.Select(r => r.Flagged.Count == 0 ? "–" : string.Join(", ", r.Flagged))));
        }

        output.WriteLine();
    }

    private static string Label((string Model, string CleanSet) key) => key.CleanSet == CleanSet.Usual ? key.Model : $"{key.Model}, {key.CleanSet}";

    private static string Mean(Result[] runs, Func<Result, double?> value) => Number(runs.Average(value));

    private static string Number(double? value) => value is { } v ? v.ToString("0.000", CultureInfo.InvariantCulture) : "";

    private void Head(string title, string[] columns)
    {
        output.WriteLine($"### {title}");
        output.WriteLine();
        Row(columns);
        Row([.. columns.Select((_, i) => i < 2 ? "---" : "---:")]);
    }

    private void Row(params string[] cells) => output.WriteLine("| " + string.Join(" | ", cells) + " |");
}
