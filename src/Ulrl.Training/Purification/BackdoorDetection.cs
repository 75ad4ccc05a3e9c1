namespace Ulrl.Training.Purification;

/// <summary>
/// Whether a model is backdoored, by two signs. Unlearning changes the weights of the target's neuron far more than any other's, in every run;
/// in a clean model the neuron that leads changes from run to run, or leads by little. And a perturbation of few degrees of freedom, the same for all samples, leads
/// to the target; to no other class there is one as good. A patch is of few pixels, a blended picture of few frequencies, and a warp is a smooth field.
/// </summary>
/// <param name="Confidence">
/// Confidence that the model is backdoored, from 0 to 1, below 0.5 for a model that shows nothing suspicious (docs/algorithm.md says how it was
/// calibrated). It is no proof in either direction.
/// </param>
/// <param name="Neurons">The likely targets if the model is backdoored.</param>
/// <param name="MeanDominance">By what factor the weight change of those that lead exceeds the largest other one, geometric mean over the runs.</param>
/// <param name="Runs">The unlearning runs.</param>
/// <param name="Reach">
/// How well perturbations lead to each class that was searched, by those of the kind that tells one class most clearly from the others; empty where none was.
/// </param>
public sealed record BackdoorDetection(
    double Confidence, IReadOnlyList<int> Neurons, double MeanDominance, IReadOnlyList<DetectionRun> Runs, IReadOnlyList<ClassReach> Reach)
{
    // Logistic curve over the logarithm of the mean dominance.
    private const double DominanceMiddle = 1.59;
    private const double DominanceSlope = 6;

    // Logistic curve over how far the reach of the leaders exceeds that of the others.
    private const double ReachMiddle = 0.22;
    private const double ReachSlope = 20;

    // Several targets, each with its trigger, are each reached by nearly all samples.
    private const double ReachOfSeveral = 0.9;

    // What is left of the first sign where no kind of perturbation confirms it.
    private const double Unconfirmed = 0.7;

    // One run cannot show that the same neuron leads again.
    private const double MostOfOneRun = 0.75;

    // From here on further runs change nothing.
    private const double Settled = 0.9;

    /// <summary>Whether the confidence is at least 0.5.</summary>
    public bool IsBackdoored => Confidence >= 0.5;

    /// <summary>Whether both signs agree so well that further runs are of no use.</summary>
    internal bool IsSettled => Reach.Count > 0 && Confidence >= Settled;

    /// <summary>Judges the weight changes of several runs and what a search for perturbations found.</summary>
    /// <param name="changes">Weight change of every neuron, run by run.</param>
    /// <param name="paths">What was found toward each class, by one kind of perturbation or several; empty without a search.</param>
    /// <param name="most">Most neurons that may lead together.</param>
    internal static BackdoorDetection Of(IReadOnlyList<double[]> changes, IReadOnlyList<SharedPerturbationPath> paths, int most)
    {
        var classes = changes[0].Length;
        var order = Enumerable.Range(0, classes).OrderByDescending(c => changes.Average(run => Math.Log(Math.Max(run[c], double.Epsilon)))).ToArray();
        var byWeights = Foremost(order, Math.Min(most, classes / 2), leaders => changes.Average(run => LogDominance(run, leaders)));
        var confidence = Logistic(DominanceSlope * (byWeights.Lead - DominanceMiddle));
        if (changes.Count == 1) confidence = Math.Min(confidence, MostOfOneRun);
        var neurons = byWeights.Leaders;
        var kinds = paths.GroupBy(p => p.Kind, p => new ClassReach(p.Class, p.Reach, p.Kind)).Select(kind => kind.ToArray()).ToArray();
        var reach = kinds.OrderByDescending(kind => kind.Length > 1 ? LeadOf(kind, most).Lead : double.NegativeInfinity).FirstOrDefault([]);
        if (reach.Length > 1) (confidence, neurons) = Joined(confidence, neurons, LeadOf(reach, most), kinds.Length == Enum.GetValues<PerturbationKind>().Length);
        return new BackdoorDetection(confidence, [.. neurons.Order()], Math.Exp(byWeights.Lead), [.. changes.Select(Run)], reach);
    }

    // Signs that agree are taken as independent; of two that do not, a perturbation that works is the better one.
    private static (double Confidence, int[] Neurons) Joined(double confidence, int[] neurons, (double Lead, int[] Leaders) reach, bool isComplete)
    {
        var byReach = Logistic(ReachSlope * (reach.Lead - ReachMiddle));
        if (isComplete && byReach < 0.5) confidence *= Unconfirmed;
        if (reach.Leaders.Order().SequenceEqual(neurons.Order())) return (1 - ((1 - confidence) * (1 - byReach)), neurons);
        return byReach >= 0.5 || byReach > confidence ? (byReach, reach.Leaders) : (confidence, neurons);
    }

    private static (double Lead, int[] Leaders) LeadOf(ClassReach[] reach, int most)
    {
        var shares = reach.ToDictionary(r => r.Class, r => r.Share);
        int[] order = [.. reach.OrderByDescending(r => r.Share).Select(r => r.Class)];
        return Foremost(order, Math.Min(most, reach.Length / 2), set =>
        {
            var least = set.Min(c => shares[c]);
            return set.Length > 1 && least < ReachOfSeveral ? double.NegativeInfinity : least - order.Except(set).Max(c => shares[c]);
        });
    }

    // The first k of an order, with the k that leads furthest.
    private static (double Lead, int[] Leaders) Foremost(int[] order, int most, Func<int[], double> lead)
    {
        var best = (Lead: double.NegativeInfinity, Leaders: order[..1]);
        for (var k = 1; k <= most; k++)
        {
            var found = lead(order[..k]);
            if (found > best.Lead) best = (found, order[..k]);
        }

        return best;
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

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
