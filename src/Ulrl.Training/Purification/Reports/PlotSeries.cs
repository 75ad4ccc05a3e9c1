namespace Ulrl.Training.Purification.Reports;

/// <summary>One line of a plot.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Values">One value per epoch, the first at 0; values that are not finite are left out.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<double> Values);
