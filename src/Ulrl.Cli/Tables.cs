using System.Globalization;
using Spectre.Console;

namespace Ulrl.Cli;

/// <summary>The look of what the tool prints. Cells are plain text: nothing from a file is read as markup.</summary>
internal static class Tables
{
    public static Table Create(string title) => new Table { Border = TableBorder.Rounded, Title = new TableTitle(Markup.Escape(title)) };

    public static void AddTexts(this Table table, params IEnumerable<string> cells) => table.AddRow(cells.Select(c => new Text(c)));

    /// <summary>A share as the field prints it: three decimals.</summary>
    public static string Share(double share) => double.IsNaN(share) ? "–" : share.ToString("0.000", CultureInfo.InvariantCulture);
}
