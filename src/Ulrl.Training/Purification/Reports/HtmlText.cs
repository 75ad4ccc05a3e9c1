using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Ulrl.Training.Purification.Reports;

/// <summary>
/// HTML under construction. What an interpolated string inserts is escaped, so names from untrusted files stay text;
/// another <see cref="HtmlText"/> is inserted as it is.
/// </summary>
internal sealed class HtmlText
{
    private readonly StringBuilder text = new();

    public static HtmlText Of(Template template)
    {
        var html = new HtmlText();
        html.text.Append(template.Text);
        return html;
    }

    /// <summary>Markup of the project's own.</summary>
    public static HtmlText Trusted(string markup)
    {
        var html = new HtmlText();
        html.text.Append(markup);
        return html;
    }

    /// <summary>A number as the page writes it.</summary>
    public static string Number(double value, string format) =>
        double.IsNaN(value) ? "–" : double.IsInfinity(value) ? (value < 0 ? "−∞" : "∞") : value.ToString(format, CultureInfo.InvariantCulture);

    public HtmlText Add(Template template)
    {
        text.Append(template.Text);
        return this;
    }

    public override string ToString() => text.ToString();

    /// <summary>Collects the parts of an interpolated string.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Template
    {
        public Template(int literalLength, int formattedCount) => Text = new StringBuilder(literalLength + (8 * formattedCount));

        public StringBuilder Text { get; }

        public void AppendLiteral(string value) => Text.Append(value);

        public void AppendFormatted(HtmlText? value) => Text.Append(value?.text);

        public void AppendFormatted(string? value) => Text.Append(WebUtility.HtmlEncode(Printable(value ?? "")));

        public void AppendFormatted(int value) => Text.Append(CultureInfo.InvariantCulture, $"{value}");

        public void AppendFormatted(long value) => Text.Append(CultureInfo.InvariantCulture, $"{value:N0}");

        public void AppendFormatted(double value) => AppendFormatted(value, "0.##");

        public void AppendFormatted(double value, string format) => Text.Append(Number(value, format));
    }

    // Characters that are not to be seen, or that turn the text around them, show as a replacement.
    private static string Printable(string value) => string.Create(value.Length, value, (target, source) =>
    {
        for (var i = 0; i < target.Length; i++)
            target[i] = char.IsControl(source[i]) || char.GetUnicodeCategory(source[i]) == UnicodeCategory.Format ? '\uFFFD' : source[i];
    });
}
