using System.Text;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification.Reports;

/// <summary>Writes the report on a purification, as JSON for programs or as one self-contained HTML page for people.</summary>
public static class ReportWriter
{
    /// <summary>Whether a report can be written to a file of that name: it ends in <c>.json</c>, <c>.html</c> or <c>.htm</c>.</summary>
    public static bool IsSupported(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return IsJson(path) || path.EndsWith(".html", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".htm", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Writes a report; the ending of the file's name chooses between JSON and HTML.</summary>
    /// <param name="path">File to create or replace, by writing aside and renaming.</param>
    /// <param name="report">The report.</param>
    /// <param name="measured">Measures on test samples before and after; null for none.</param>
    /// <exception cref="UlrlException">The name has another ending, or the file cannot be written.</exception>
    public static void Write(string path, PurificationReport report, EvaluationComparison? measured = null)
    {
        if (!IsSupported(path))
            throw new UlrlException($"'{path}' is neither .json nor .html; give the report one of these endings.");
        var content = Encoding.UTF8.GetBytes(IsJson(path) ? ToJson(report, measured) : ToHtml(report, measured));
        AtomicFile.Write(path, stream => stream.Write(content));
    }

    /// <summary>The report as JSON. Shares lie between 0 and 1; what is not a finite number is null.</summary>
    /// <param name="report">The report.</param>
    /// <param name="measured">Measures on test samples before and after; null for none.</param>
    public static string ToJson(PurificationReport report, EvaluationComparison? measured = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        return JsonReport.Write(report, measured);
    }

    /// <summary>The report as one HTML page that refers to nothing outside itself and runs no script.</summary>
    /// <param name="report">The report.</param>
    /// <param name="measured">Measures on test samples before and after; null for none.</param>
    public static string ToHtml(PurificationReport report, EvaluationComparison? measured = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        return HtmlReport.Write(report, measured);
    }

    private static bool IsJson(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase);
}
