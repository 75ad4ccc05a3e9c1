namespace Ulrl.Training.Purification;

/// <summary>
/// Whether a model is backdoored, from several unlearning runs that differ in their random numbers. A backdoor makes the weights of
/// its target's neuron change far more than any other's, in every run; in a clean model the neuron that leads changes from run to run,
/// or leads by little.
/// </summary>
/// <param name="Confidence">
/// Confidence that the model is backdoored, from 0 to 1, below 0.5 for a model that shows nothing suspicious (docs/algorithm.md says how it was
/// calibrated). It is no proof in either direction.
/// </param>
/// <param name="Neurons">The neurons that lead in the mean over the runs: the likely targets if the model is backdoored.</param>
/// <param name="MeanDominance">By what factor their weight change exceeds the largest other one, geometric mean over the runs.</param>
/// <param name="Runs">The runs.</param>
public sealed record BackdoorDetection(double Confidence, IReadOnlyList<int> Neurons, double MeanDominance, IReadOnlyList<DetectionRun> Runs)
{
    // Logistic curve over the logarithm of the mean dominance.
    private const double Middle = 1.1;
    private const double Slope = 6;

    // One run cannot show that the same neuron leads again.
    private const double MostOfOneRun = 0.75;

    /// <summary>Whether the confidence is at least 0.5.</summary>
    public bool IsBackdoored => Confidence >= 0.5;

    /// <summary>Judges the weight changes of several runs.</summary>
    /// <param name="changes">Weight change of every neuron, run by run.</param>
    /// <param name="most">Most neurons that may lead together.</param>
    internal static BackdoorDetection Of(IReadOnlyList<double[]> changes, int most)
    {
        var classes = changes[0].Length;
        var order = Enumerable.Range(0, classes).OrderByDescending(c => changes.Average(run => Math.Log(Math.Max(run[c], double.Epsilon)))).ToArray();
        var (best, leaders) = (double.NegativeInfinity, order[..1]);
        for (var k = 1; k <= Math.Min(most, classes / 2); k++)
        {
            var dominance = changes.Average(run => LogDominance(run, order[..k]));
            if (dominance > best) (best, leaders) = (dominance, order[..k]);
        }

        var confidence = 1 / (1 + Math.Exp(-Slope * (best - Middle)));
        if (changes.Count == 1) confidence = Math.Min(confidence, MostOfOneRun);
        return new BackdoorDetection(confidence, [.. leaders.Order()], Math.Exp(best), [.. changes.Select(Run)]);
    }

    // How far the least of the leaders lies above the largest of the others; negative where it lies below.
    private static double LogDominance(double[] run, int[] leaders)
    {
        var least = leaders.Min(c => run[c]);
        var largest = run.Where((_, c) => !leaders.Contains(c)).Max();
        return Math.Log(Math.Max(least, double.Epsilon) / Math.Max(largest, double.Epsilon));
    }

    private static DetectionRun Run(double[] changes)
    {
        var order = changes.OrderDescending().ToArray();
        var median = order[order.Length / 2];
        return new DetectionRun(Array.IndexOf(changes, order[0]), order[0], median, order[1] > 0 ? order[0] / order[1] : 1);
    }
}
