namespace Ulrl.Training.Purification.Reports;

/// <summary>Lines over the epochs of a phase, such as losses or accuracies; made to be drawn as SVG or as an image.</summary>
/// <param name="Title">Title.</param>
/// <param name="XAxis">Name of the horizontal axis.</param>
/// <param name="YAxis">Name of the vertical axis.</param>
/// <param name="Series">The lines, at least one.</param>
/// <param name="Least">Where the vertical axis begins at the latest.</param>
/// <param name="Most">Where the vertical axis ends at the earliest.</param>
public sealed record LinePlot(string Title, string XAxis, string YAxis, IReadOnlyList<PlotSeries> Series, double Least = 0, double Most = 1)
{
    /// <summary>Colours of the lines as #rrggbb, one after another and then again from the first.</summary>
    public static IReadOnlyList<string> Colors { get; } = ["#2563c9", "#1c8a4b", "#c4362b", "#b7791f", "#7a3fb0", "#0f7f8c"];

    /// <summary>Positions of the grid lines of the vertical axis, lowest first: round numbers around all values.</summary>
    public IReadOnlyList<double> Ticks
    {
        get
        {
            var values = Series.SelectMany(s => s.Values).Where(double.IsFinite).Append(Least).Append(Most).ToArray();
            return AxisTicks.Of(values.Min(), values.Max());
        }
    }

    /// <summary>Number of epochs.</summary>
    public int Epochs => Series.Max(s => s.Values.Count);

    /// <summary>The plot as an SVG file of its own.</summary>
    public string ToSvg() => Svg.Plot(this).ToString();
}
