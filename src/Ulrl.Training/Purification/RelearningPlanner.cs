using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification;

/// <summary>Decides which perturbations the samples of relearning carry, and how many of its steps are taken at displaced weights.</summary>
/// <param name="options">The settings.</param>
/// <param name="clean">The clean samples.</param>
/// <param name="search">Searches what is still missing; null where nothing can be searched.</param>
/// <param name="paths">What was found so far.</param>
/// <param name="progress">Makes what is told of a search.</param>
/// <param name="cancellation">Stops searches and measurements.</param>
internal sealed class RelearningPlanner(
    PurificationOptions options,
    LabeledSamples clean,
    SharedPerturbationSearch? search,
    IReadOnlyList<SharedPerturbationPath> paths,
    Func<PerturbationKind, Action<int, int>?> progress,
    CancellationToken cancellation)
{
    // Toward one goal, by one kind.
    private const int MostPerturbations = 15;
    private const int NoiseLengths = 2;

    // What one search finds of a patch in several places, or of a warp, is a part of it.
    private static readonly PerturbationKind[] FurtherKinds = [PerturbationKind.Sparse, PerturbationKind.Warp];

    // Where nothing is suspicious, the network is hardened against sparse perturbations that lead such a share of the samples; more of them, or a larger share of the perturbed samples, cost clean accuracy.
    private const int HardenedLevels = 3;
    private const double LeastHardened = 0.6;
    private const float HardenedShare = 0.6f;

    // Displacements are drawn up to this share of what unlearning changed; above it the suspicious class is given up.
    private const float LargestDisplacement = 0.38f;

    // Share of the samples that are replaced by such of suspicious classes while weights are displaced.
    private const float RepeatedShare = 0.25f;

    // Last share of the relearning epochs, plain ones.
    private const double PlainShare = 0.15;

    /// <summary>Plans.</summary>
    /// <param name="detection">What was detected.</param>
    /// <param name="suspicious">The suspicious classes.</param>
    /// <returns>The plan; null where samples stay as they are, as published.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public RelearningPlan? Plan(BackdoorDetection detection, int[] suspicious)
    {
        if (options.PerturbedShare == 0 && options.MixedShare == 0 && options.DisplacedShare == 0) return null;
        int? withheld = detection is { IsAllToAll: false, Withheld: { Certainty: >= 0.5 } certain } && !suspicious.Contains(certain.Class) ? certain.Class : null;
        var isHardened = suspicious.Length == 0 && withheld is null;
        var (perturbations, displaces) = detection.IsAllToAll ? (ToNext(), false) : isHardened ? (Hardening(), false) : TowardAll(suspicious);
        if (withheld is { } neuron) perturbations = perturbations.Concat(Withheld(neuron));
        return new RelearningPlan
        {
            Suspicious = suspicious,
            Perturbations = [.. perturbations],
            Range = search?.Range ?? new SampleRange(clean),
            PerturbedShare = isHardened ? HardenedShare * options.PerturbedShare : options.PerturbedShare,
            MixedShare = options.DistillationWeight > 0 ? options.MixedShare : 0f,
            DisplacedShare = displaces ? options.DisplacedShare : 0f,
            LargestDisplacement = LargestDisplacement,
            RepeatedShare = displaces ? RepeatedShare : 0f,
            PlainFrom = options.RelearningEpochs - (int)Math.Ceiling(PlainShare * options.RelearningEpochs),
        };
    }

    // Where nothing is suspicious: sparse ones that still lead some samples, to whichever class.
    private IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> Hardening() =>
        paths.Where(p => p.Kind == PerturbationKind.Sparse && p.Goal.Class is not null)
            .SelectMany(path => path.Snapshots.TakeLast(HardenedLevels).Where(p => p.Success >= LeastHardened).Select(p => (path.Goal, p)));

    // A class that is withheld for certain, and to which nothing leads, has a trigger that is too large for the gradient at clean samples.
    private IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> Withheld(int neuron)
    {
        if (search is null || !SharedPerturbationDescent.HasOthers(clean, neuron)) return [];
        return Enumerable.Range(0, 1 + SharedPerturbationSearch.FurtherDraws).SelectMany(draw => Search(PerturbationKind.Sparse, neuron, draw, isLong: true)).Select(p => (PerturbationGoal.To(neuron), p));
    }

    // From every class to the next: those of the kind that leads best, but for the ones that lead less than half as well.
    private IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> ToNext()
    {
        var best = paths.Where(p => p.Goal.Class is null).MaxBy(p => p.Reach)!.Snapshots;
        var most = best.Max(p => p.Success);
        return Spread([.. best.Where(p => 2 * p.Success >= most)]).Select(p => (PerturbationGoal.Next, p));
    }

    // Those that lead to a suspicious class; where none does, all that were found. Steps at displaced weights stand for what the search has not found.
    private (IEnumerable<(PerturbationGoal Goal, SharedPerturbation Perturbation)> Perturbations, bool Displaces) TowardAll(int[] suspicious)
    {
        var perturbations = new List<(PerturbationGoal, SharedPerturbation)>();
        var displaces = false;
        foreach (var neuron in suspicious)
        {
            var found = Found(neuron).ToList();
            var leading = found.Where(p => Leads(neuron, p)).ToList();
            foreach (var kind in FurtherKinds.Where(kind => found.Any(p => p.Kind == kind) && paths.Count(p => p.Kind == kind && p.Goal.Class == neuron) <= 1 && (leading.Count == 0 || leading.Any(p => p.Kind == kind))).ToArray())
            {
                var further = Enumerable.Range(1, SharedPerturbationSearch.FurtherDraws).SelectMany(draw => Search(kind, neuron, draw)).ToArray();
                found.AddRange(further);
                leading.AddRange(further.Where(p => Leads(neuron, p)));
            }

            displaces |= leading.Count == 0;
            var carried = leading.Count > 0 ? leading.GroupBy(p => p.Kind).SelectMany(Chosen) : found;
            perturbations.AddRange(carried.Select(p => (PerturbationGoal.To(neuron), p)));
        }

        return (perturbations, displaces);
    }

    private bool Leads(int neuron, SharedPerturbation perturbation) => search!.Leads(neuron, perturbation, cancellation);

    // What was not searched toward all classes is searched toward this one. Sinusoids lead to some classes of a clean model, too; they are carried only where they told the class.
    private IEnumerable<SharedPerturbation> Found(int neuron)
    {
        if (search is null || !SharedPerturbationDescent.HasOthers(clean, neuron)) return [];
        return search.Kinds.SelectMany(kind => Known(kind, neuron) ?? Search(kind, neuron, 0)).Concat(Known(PerturbationKind.Periodic, neuron) ?? []);
    }

    private SharedPerturbation[]? Known(PerturbationKind kind, int neuron) =>
        paths.Where(p => p.Kind == kind && p.Goal.Class == neuron).SelectMany(p => p.Snapshots).ToArray() is { Length: > 0 } known ? known : null;

    private IReadOnlyList<SharedPerturbation> Search(PerturbationKind kind, int neuron, int draw, bool isLong = false) =>
        [.. search!.Search(kind, [PerturbationGoal.To(neuron)], draw, isLong, progress(kind), cancellation).SelectMany(p => p.Snapshots)];

    // Noise of the lengths that just suffice; more costs clean accuracy.
    private static IEnumerable<SharedPerturbation> Chosen(IGrouping<PerturbationKind, SharedPerturbation> leading) =>
        leading.Key == PerturbationKind.Noise ? leading.Take(NoiseLengths * NoiseSearch.Patterns) : Spread([.. leading]);

    // The first and the last, and some in between: the first ones are short, the last ones strong.
    private static IEnumerable<SharedPerturbation> Spread(IReadOnlyList<SharedPerturbation> found)
    {
        var count = Math.Min(found.Count, MostPerturbations);
        return Enumerable.Range(0, count).Select(i => found[(int)Math.Round((double)i * (found.Count - 1) / Math.Max(count - 1, 1))]);
    }
}
