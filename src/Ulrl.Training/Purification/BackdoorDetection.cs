namespace Ulrl.Training.Purification;

/// <summary>
/// Whether a model is backdoored, by two signs and a rarer one. Unlearning changes the weights of the target's neuron far more than any other's, in every run;
/// in a clean model the neuron that leads changes from run to run, or leads by little. And a perturbation of few degrees of freedom, the same for all samples, leads
/// to the target; to no other class there is one as good. A patch is of few pixels, a blended picture of few frequencies, and a warp is a smooth field; one
/// that leads from every class to the next is an attack from all classes to all. Where neither shows a target, a class that the model withholds from clean samples, and that sinusoids lead to, is one.
/// </summary>
/// <param name="Confidence">
/// Confidence that the model is backdoored, from 0 to 1, below 0.5 for a model that shows nothing suspicious (docs/algorithm.md says how it was
/// calibrated). It is no proof in either direction.
/// </param>
/// <param name="Neurons">The likely targets if the model is backdoored; all of them where <see cref="IsAllToAll"/> says so.</param>
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

    // Of a few pixels, chance leads further.
    private const double SparseMiddle = 0.27;
    private const double ReachSlope = 20;

    // Smooth perturbations lead a third of the samples to a class of some clean models, and hardly any to the others; a trigger of this kind leads most.
    private const double SmoothReach = 0.5;

    // Noise, too, leads up to 0.4 of the samples to one class of clean models, the frogs of CIFAR-10, and hardly any to the others.
    private const double NoiseReach = 0.6;

    // So many samples a few pixels lead, on the mean of the draws, to no class without a patch, however far they lead to another: weak models take some for cars (0.65).
    private const double SparseReach = 0.75;

    // Several targets, each with its trigger, are each reached by nearly all samples.
    private const double ReachOfSeveral = 0.9;

    // Kinds of perturbations that are searched toward every class, and what is left of the first sign where none of them confirms it.
    private const int AllKinds = 4;
    private const double Unconfirmed = 0.7;

    // One run cannot show that the same neuron leads again.
    private const double MostOfOneRun = 0.75;

    // From here on, and below, further runs change nothing.
    private const double Settled = 0.8;
    private const double Dismissed = 0.35;

    /// <summary>Whether the confidence is at least 0.5.</summary>
    public bool IsBackdoored => Confidence >= 0.5;

    /// <summary>How well perturbations lead from every class to the next, by those of the kind that does it best; null where none was searched.</summary>
    public NextReach? ToNext { get; init; }

    /// <summary>The class that the model withholds most from clean samples; null where the other signs left nothing to ask.</summary>
    public WithheldClass? Withheld { get; init; }

    /// <summary>Whether the likely attack leads from every class to the next.</summary>
    public bool IsAllToAll { get; init; }

    /// <summary>Whether both signs agree so well that further runs are of no use.</summary>
    internal bool IsSettled => Reach.Count > 0 && Confidence >= Settled;

    /// <summary>Whether all kinds of perturbations were searched, and neither they nor the weights show anything, so that further runs are of no use.</summary>
    internal bool IsDismissed => IsComplete && Confidence < Dismissed;

    // Whether all kinds of perturbations were searched toward the classes.
    private bool IsComplete { get; init; }

    /// <summary>1 / (1 + exp(−x)).</summary>
    internal static double Logistic(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>Judges the weight changes of several runs and what a search for perturbations found.</summary>
    /// <param name="changes">Weight change of every neuron, run by run.</param>
    /// <param name="paths">What was found toward each class and from every class to the next, by one kind of perturbation or several; empty without a search.</param>
    /// <param name="most">Most neurons that may lead together.</param>
    /// <param name="withheld">The class that the model withholds most; null, the default, where that was not asked.</param>
    internal static BackdoorDetection Of(IReadOnlyList<double[]> changes, IReadOnlyList<SharedPerturbationPath> paths, int most, WithheldClass? withheld = null)
    {
        var classes = changes[0].Length;
        var order = Enumerable.Range(0, classes).OrderByDescending(c => changes.Average(run => Math.Log(Math.Max(run[c], double.Epsilon)))).ToArray();
        var byWeights = Foremost(order, Math.Min(most, classes / 2), leaders => changes.Average(run => LogDominance(run, leaders)));
        var confidence = Logistic(DominanceSlope * (byWeights.Lead - DominanceMiddle));
        if (changes.Count == 1) confidence = Math.Min(confidence, MostOfOneRun);
        var neurons = byWeights.Leaders;
        var kinds = paths.Where(p => p.IsComparable).GroupBy(p => p.Kind)
            .Select(kind => kind.GroupBy(p => p.Goal.Class!.Value).Select(draws => new ClassReach(draws.Key, draws.Average(p => p.Reach), kind.Key)).ToArray()).ToArray();
        var isComplete = kinds.Length == AllKinds;
        var reach = kinds.OrderByDescending(kind => kind.Length > 1 ? ByReach(kind, most).Confidence : double.NegativeInfinity).FirstOrDefault([]);
        if (reach.Length > 1) (confidence, neurons) = Joined(confidence, neurons, ByReach(reach, most), isComplete);
        var toNext = paths.Where(p => p.Goal.Class is null).MaxBy(p => p.Reach) is { } next ? new NextReach(next.Reach, next.Kind) : null;
        return new BackdoorDetection(confidence, [.. neurons.Order()], Math.Exp(byWeights.Lead), [.. changes.Select(Run)], reach) { IsComplete = isComplete }.With(toNext, classes).With(withheld);
    }

    // In a clean model no perturbation leads from every class to the next, so its reach needs no other to be compared with.
    private BackdoorDetection With(NextReach? toNext, int classes)
    {
        var byReach = toNext is null ? 0 : Logistic(ReachSlope * (toNext.Share - ReachMiddle));
        if (byReach < 0.5 || byReach <= Confidence) return this with { ToNext = toNext };
        return this with { ToNext = toNext, IsAllToAll = true, Confidence = byReach, Neurons = [.. Enumerable.Range(0, classes)] };
    }

    private BackdoorDetection With(WithheldClass? withheld)
    {
        var found = this with { Withheld = withheld };
        if (withheld is not { Confidence: >= 0.5 } || IsAllToAll) return found;
        if (Neurons.SequenceEqual([withheld.Class])) return found with { Confidence = 1 - ((1 - Confidence) * (1 - withheld.Confidence)) };
        return withheld.Confidence > Confidence ? found with { Confidence = withheld.Confidence, Neurons = [withheld.Class] } : found;
    }

    // Signs that agree are taken as independent; of two that do not, a perturbation that works is the better one.
    private static (double Confidence, int[] Neurons) Joined(double confidence, int[] neurons, (double Confidence, int[] Leaders) reach, bool isComplete)
    {
        var byReach = reach.Confidence;
        if (isComplete && byReach < 0.5) confidence *= Unconfirmed;
        if (reach.Leaders.Order().SequenceEqual(neurons.Order())) return (1 - ((1 - confidence) * (1 - byReach)), neurons);
        return byReach >= 0.5 || byReach > confidence ? (byReach, reach.Leaders) : (confidence, neurons);
    }

    private static (double Confidence, int[] Leaders) ByReach(ClassReach[] reach, int most)
    {
        var (lead, leaders) = LeadOf(reach, most);
        var excess = lead - (reach[0].Kind == PerturbationKind.Sparse ? SparseMiddle : ReachMiddle);
        var least = reach.Where(r => leaders.Contains(r.Class)).Min(r => r.Share);
        if (LeastReach(reach[0].Kind) is { } needed) excess = Math.Min(excess, least - needed);
        if (reach[0].Kind == PerturbationKind.Sparse) excess = Math.Max(excess, least - SparseReach);
        return (Logistic(ReachSlope * excess), leaders);
    }

    private static double? LeastReach(PerturbationKind kind) => kind switch
    {
        PerturbationKind.Smooth => SmoothReach,
        PerturbationKind.Noise => NoiseReach,
        _ => null,
    };

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
