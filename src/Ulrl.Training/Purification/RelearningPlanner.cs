using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification;

/// <summary>Decides which perturbations the samples of relearning carry, and how many of its steps are taken at displaced weights.</summary>
/// <param name="options">The settings.</param>
/// <param name="clean">The clean samples.</param>
/// <param name="search">Searches what is still missing; null where nothing can be searched.</param>
/// <param name="paths">What was found so far.</param>
/// <param name="openGiven">Opens the given model to measure perturbations on it.</param>
/// <param name="progress">Makes what is told of a search.</param>
/// <param name="cancellation">Stops searches and measurements.</param>
internal sealed class RelearningPlanner(
    PurificationOptions options,
    LabeledSamples clean,
    SharedPerturbationSearch? search,
    IReadOnlyList<SharedPerturbationPath> paths,
    Func<Evaluator> openGiven,
    Func<PerturbationKind, Action<int, int>?> progress,
    CancellationToken cancellation)
{
    // Toward one goal, by one kind.
    private const int MostPerturbations = 8;

    // Where nothing is suspicious, the network is hardened against sparse perturbations toward all classes; a larger share of the perturbed samples costs clean accuracy.
    private const float HardenedShare = 0.3f;

    // Displacements are drawn up to this share of what unlearning changed; above it the suspicious class is given up.
    private const float LargestDisplacement = 0.38f;

    // Share of the displaced steps beside warps that lead; with all of them the class loses more than the attack.
    private const float DisplacedBesideWarps = 0.6f;

    // Share of the samples that are replaced by such of suspicious classes while weights are displaced.
    private const float RepeatedShare = 0.25f;

    // Last share of the relearning epochs, plain ones.
    private const double PlainShare = 0.15;

    /// <summary>Plans.</summary>
    /// <param name="suspicious">The suspicious classes.</param>
    /// <param name="isAllToAll">Whether they are so because every class is led to the next.</param>
    /// <returns>The plan; null where samples stay as they are, as published.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public RelearningPlan? Plan(int[] suspicious, bool isAllToAll)
    {
        if (options.PerturbedShare == 0 && options.MixedShare == 0 && options.DisplacedShare == 0) return null;
        var isHardened = suspicious.Length == 0;
        var (perturbations, displaced) = isAllToAll ? (ToNext(), 0f) : isHardened ? (Sparse(), 0f) : TowardAll(suspicious);
        return new RelearningPlan
        {
            Suspicious = suspicious,
            Perturbations = [.. perturbations],
            Range = search?.Range ?? new SampleRange(clean),
            PerturbedShare = isHardened ? HardenedShare * options.PerturbedShare : options.PerturbedShare,
            MixedShare = options.DistillationWeight > 0 ? options.MixedShare : 0f,
            DisplacedShare = displaced * options.DisplacedShare,
            LargestDisplacement = LargestDisplacement,
            RepeatedShare = RepeatedShare,
            PlainFrom = options.RelearningEpochs - (int)Math.Ceiling(PlainShare * options.RelearningEpochs),
        };
    }

    // Where nothing is suspicious: sparse ones toward all classes.
    private IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> Sparse() =>
        paths.Where(p => p.Kind == PerturbationKind.Sparse && p.Goal.Class is not null).SelectMany(path => path.Snapshots.Select(p => (path.Goal, p)));

    // From every class to the next: those of the kind that leads best, but for the ones that lead less than half as well.
    private IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> ToNext()
    {
        var best = paths.Where(p => p.Goal.Class is null).MaxBy(p => p.Reach)!.Snapshots;
        var most = best.Max(p => p.Success);
        return Spread([.. best.Where(p => 2 * p.Success >= most)]).Select(p => (PerturbationGoal.Next, p));
    }

    // Those that lead to a suspicious class; where none does, all that were found. Steps at displaced weights stand for what the search has not found, or, of a
    // warp, not to the full.
    private (IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> Perturbations, float Displaced) TowardAll(int[] suspicious)
    {
        var perturbations = new List<(PerturbationGoal, SharedPerturbation)>();
        var displaced = 0f;
        using var evaluator = search is null ? null : openGiven();
        foreach (var neuron in suspicious)
        {
            SharedPerturbation[] found = search is null || clean.Labels.All(label => label == neuron) ? [] : [.. search.Kinds.SelectMany(kind => Found(kind, neuron)), .. Periodic(neuron)];
            var leading = found.Where(p => search!.Leads(evaluator!, neuron, p, cancellation)).GroupBy(p => p.Kind).SelectMany(kind => Spread([.. kind])).ToArray();
            perturbations.AddRange((leading.Length > 0 ? leading : found).Select(p => (PerturbationGoal.To(neuron), p)));
            if (leading.All(p => p.Kind == PerturbationKind.Warp)) displaced = Math.Max(displaced, leading.Length > 0 ? DisplacedBesideWarps : 1f);
        }

        return (perturbations, displaced);
    }

    // What was not searched toward all classes is searched toward this one.
    private IReadOnlyList<SharedPerturbation> Found(PerturbationKind kind, int neuron) =>
        (paths.FirstOrDefault(p => p.Kind == kind && p.Goal.Class == neuron)
            ?? search!.Search(kind, [PerturbationGoal.To(neuron)], progress(kind), cancellation)[0]).Snapshots;

    // Sinusoids lead to some classes of a clean model, too; they are carried only where they told the class.
    private IEnumerable<SharedPerturbation> Periodic(int neuron) =>
        paths.Where(p => p.Kind == PerturbationKind.Periodic && p.Goal.Class == neuron).SelectMany(p => p.Snapshots);

    // The first and the last, and some in between: the first ones are short, the last ones strong.
    private static IEnumerable<SharedPerturbation> Spread(IReadOnlyList<SharedPerturbation> found)
    {
        var count = Math.Min(found.Count, MostPerturbations);
        return Enumerable.Range(0, count).Select(i => found[(int)Math.Round((double)i * (found.Count - 1) / Math.Max(count - 1, 1))]);
    }
}
