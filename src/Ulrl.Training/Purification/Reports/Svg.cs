namespace Ulrl.Training.Purification.Reports;

/// <summary>Charts as inline SVG, coloured by the page's style.</summary>
internal static class Svg
{
    private const double WideWidth = 720;
    private const double HalfWidth = 400;
    private const double Left = 52;
    private const double Right = 12;
    private const double Top = 18;
    private const double Bottom = 38;
    private const int LabelledBars = 40;

    /// <summary>One bar per item; highlighted ones stand out and every bar of a small chart is labelled.</summary>
    public static HtmlText Bars(string label, string axis, IReadOnlyList<Bar> bars)
    {
        var frame = new Frame(label, WideWidth, 0, bars.Max(b => Finite(b.Value)), axis);
        var slot = frame.PlotWidth / bars.Count;
        var width = Math.Max(slot * .64, .5);
        for (var i = 0; i < bars.Count; i++)
        {
            var bar = bars[i];
            var x = Left + (i * slot) + ((slot - width) / 2);
            var y = frame.Y(Finite(bar.Value));
            frame.Add($"<rect class=\"{(bar.IsHighlighted ? "alert" : "plain")}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{Frame.Base - y}\" rx=\"2\"><title>{bar.Title}</title></rect>\n");
            if (bars.Count <= LabelledBars || bar.IsHighlighted)
                frame.Add($"<text class=\"value{(bar.IsHighlighted ? " strong" : "")}\" x=\"{x + (width / 2)}\" y=\"{y - 5}\" text-anchor=\"middle\">{bar.Label}</text>\n");
        }

        frame.Categories([.. bars.Select(b => b.Category)]);
        return frame.Close();
    }

    /// <summary>Two bars per item, before and after, of shares from 0 to 1.</summary>
    public static HtmlText Pairs(string label, string axis, IReadOnlyList<Pair> pairs)
    {
        var frame = new Frame(label, WideWidth, 0, 1, axis);
        var slot = frame.PlotWidth / pairs.Count;
        var width = Math.Max(slot * .36, .4);
        for (var i = 0; i < pairs.Count; i++)
        {
            var pair = pairs[i];
            var x = Left + (i * slot) + (slot / 2);
            Bar("before", x - width - .5, pair.Before);
            Bar("after", x + .5, pair.After);
            if (pair.IsLost)
                frame.Add($"<text class=\"value lost\" x=\"{x}\" y=\"{frame.Y(Math.Max(pair.Before, pair.After)) - 5}\" text-anchor=\"middle\">lost</text>\n");

            void Bar(string kind, double at, double share)
            {
                if (!double.IsNaN(share))
                    frame.Add($"<rect class=\"{kind}\" x=\"{at}\" y=\"{frame.Y(share)}\" width=\"{width}\" height=\"{Frame.Base - frame.Y(share)}\" rx=\"1.5\"><title>class {pair.Category}, {kind}: {share:0.000}</title></rect>\n");
            }
        }

        frame.Categories([.. pairs.Select(p => p.Category)]);
        return frame.Close();
    }

    /// <summary>One line per series over the same steps.</summary>
    public static HtmlText Lines(string label, string axis, IReadOnlyList<Series> series, IReadOnlyList<int> epochStarts)
    {
        var values = series.SelectMany(s => s.Values).Where(double.IsFinite).DefaultIfEmpty(0).ToArray();
        var frame = new Frame(label, HalfWidth, Math.Min(0, values.Min()), Math.Max(0, values.Max()), axis);
        var steps = Math.Max(series.Max(s => s.Values.Count) - 1, 1);
        double X(double step) => Left + (frame.PlotWidth * step / steps);
        var every = Math.Max(1, (int)Math.Ceiling(epochStarts.Count / 12.0));
        for (var e = 0; e < epochStarts.Count; e += every)
            frame.Add($"<text class=\"tick\" x=\"{X(epochStarts[e])}\" y=\"{Frame.Base + 15}\" text-anchor=\"middle\">{e + 1}</text>\n");
        foreach (var line in series)
        {
            frame.Add($"<polyline class=\"{line.Kind}\" points=\"");
            for (var i = 0; i < line.Values.Count; i++)
            {
                if (double.IsFinite(line.Values[i]))
                    frame.Add($"{X(i)},{frame.Y(line.Values[i])} ");
            }

            frame.Add($"\"><title>{line.Name}</title></polyline>\n");
        }

        return frame.Close();
    }

    /// <summary>A plot as a file of its own: colours, legend and all.</summary>
    public static HtmlText Plot(LinePlot plot)
    {
        const double LegendStep = 130;
        var frame = new Frame(plot.Title, WideWidth, plot.Ticks, plot.XAxis, isFile: true);
        frame.Add($"<style>svg{{background:#fff;font:11px sans-serif}}.grid{{stroke:#ddd}}.tick{{fill:#555}}polyline{{fill:none;stroke-width:2}}</style>\n");
        frame.Add($"<title>{plot.Title}</title>\n<text class=\"tick\" x=\"4\" y=\"11\">{plot.YAxis}</text>\n");
        var last = Math.Max(plot.Epochs - 1, 1);
        double X(int epoch) => Left + (frame.PlotWidth * epoch / last);
        var every = Math.Max(1, (int)Math.Ceiling(plot.Epochs / 20.0));
        for (var e = 0; e < plot.Epochs; e += every)
            frame.Add($"<text class=\"tick\" x=\"{X(e)}\" y=\"{Frame.Base + 15}\" text-anchor=\"middle\">{e}</text>\n");
        for (var i = 0; i < plot.Series.Count; i++)
        {
            var (series, color) = (plot.Series[i], LinePlot.Colors[i % LinePlot.Colors.Count]);
            var x = Left + 40 + (i * LegendStep);
            frame.Add($"<line x1=\"{x}\" x2=\"{x + 18}\" y1=\"8\" y2=\"8\" stroke=\"{color}\" stroke-width=\"2\"/><text x=\"{x + 23}\" y=\"11\">{series.Name}</text>\n");
            frame.Add($"<polyline stroke=\"{color}\" points=\"");
            for (var e = 0; e < series.Values.Count; e++)
            {
                if (double.IsFinite(series.Values[e]))
                    frame.Add($"{X(e)},{frame.Y(series.Values[e])} ");
            }

            frame.Add($"\"><title>{series.Name}</title></polyline>\n");
            // A line of one point would not be seen.
            for (var e = 0; e < series.Values.Count; e++)
            {
                if (double.IsFinite(series.Values[e]))
                    frame.Add($"<circle cx=\"{X(e)}\" cy=\"{frame.Y(series.Values[e])}\" r=\"2.5\" fill=\"{color}\"/>\n");
            }
        }

        return frame.Close();
    }

    private static double Finite(double value) => double.IsFinite(value) ? value : 0;

    /// <summary>One bar.</summary>
    internal sealed record Bar(string Category, double Value, string Label, string Title, bool IsHighlighted);

    /// <summary>Two shares of one category; NaN for unknown.</summary>
    internal sealed record Pair(string Category, double Before, double After, bool IsLost);

    /// <summary>One line; its kind is its style.</summary>
    internal sealed record Series(string Name, string Kind, IReadOnlyList<double> Values);

    /// <summary>Axes and grid of a chart.</summary>
    private sealed class Frame
    {
        private const double Height = 230;
        private const int Labels = 40;

        private readonly HtmlText svg;
        private readonly double lowest;
        private readonly double highest;

        public Frame(string label, double width, double least, double most, string axis)
            : this(label, width, AxisTicks.Of(least, most), axis, isFile: false)
        {
        }

        // A page knows what SVG is, a file has to say it.
        public Frame(string label, double width, IReadOnlyList<double> ticks, string axis, bool isFile)
        {
            PlotWidth = width - Left - Right;
            (lowest, highest) = (ticks[0], ticks[^1]);
            svg = HtmlText.Of($"<svg{HtmlText.Trusted(isFile ? " xmlns=\"http://www.w3.org/2000/svg\"" : "")} viewBox=\"0 0 {width} {Height}\" role=\"img\" aria-label=\"{label}\">\n");
            foreach (var value in ticks)
            {
                svg.Add($"<line class=\"grid\" x1=\"{Left}\" x2=\"{width - Right}\" y1=\"{Y(value)}\" y2=\"{Y(value)}\"/>\n");
                svg.Add($"<text class=\"tick\" x=\"{Left - 8}\" y=\"{Y(value) + 4}\" text-anchor=\"end\">{value:0.######}</text>\n");
            }

            svg.Add($"<text class=\"tick\" x=\"{Left + (PlotWidth / 2)}\" y=\"{Height - 5}\" text-anchor=\"middle\">{axis}</text>\n");
        }

        public double PlotWidth { get; }

        /// <summary>Where the lowest value lies.</summary>
        public static double Base => Height - Bottom;

        public double Y(double value) => Base - ((Base - Top) * (value - lowest) / (highest - lowest));

        public void Add(HtmlText.Template template) => svg.Add(template);

        public void Categories(string[] names)
        {
            var slot = PlotWidth / names.Length;
            var every = Math.Max(1, (int)Math.Ceiling(names.Length / (double)Labels));
            for (var i = 0; i < names.Length; i += every)
                svg.Add($"<text class=\"tick\" x=\"{Left + ((i + .5) * slot)}\" y=\"{Base + 15}\" text-anchor=\"middle\">{names[i]}</text>\n");
        }

        public HtmlText Close() => svg.Add($"</svg>\n");
    }
}
