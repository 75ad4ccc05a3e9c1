namespace Ulrl.Training.Purification.Reports;

/// <summary>Where the grid lines of an axis lie.</summary>
internal static class AxisTicks
{
    private const int Wanted = 4;

    /// <summary>Round numbers from at most the least value to at least the largest, two or more.</summary>
    public static double[] Of(double least, double most)
    {
        var step = Step(most - least);
        var lowest = Math.Floor((least / step) + 1e-9);
        var count = (int)Math.Max(Math.Ceiling((most / step) - 1e-9) - lowest, 1) + 1;
        return [.. Enumerable.Range(0, count).Select(i => (lowest + i) * step)];
    }

    // 1, 2, 2.5 or 5 times a power of ten: about as many lines as wanted, at round numbers.
    private static double Step(double range)
    {
        if (range <= 0)
            return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(range / Wanted)));
        double[] steps = [1, 2, 2.5, 5, 10];
        return power * steps.First(s => s * power * Wanted >= range * (1 - 1e-9));
    }
}
