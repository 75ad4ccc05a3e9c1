using System.Globalization;
using System.Text;

namespace Ulrl.Cli;

/// <summary>Makes text from untrusted files fit to print: a name may hold escape sequences that drive a terminal.</summary>
internal static class PlainText
{
    private const int LongestName = 120;

    /// <summary>One line without control or direction-changing characters.</summary>
    public static string Line(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse)
                line.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            else
                line.Append(rune);
        }

        return line.ToString();
    }

    /// <summary>A name, shortened where it is very long.</summary>
    public static string Name(string name)
    {
        var line = Line(name.Length > LongestName ? name[..LongestName] : name);
        return name.Length > LongestName ? line + "…" : line;
    }
}
