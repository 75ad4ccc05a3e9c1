namespace Ulrl.Efficacy;

/// <summary>The standard normal distribution.</summary>
internal static class Normal
{
    /// <summary>One number, by Box and Muller's transform.</summary>
    public static double Next(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
