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
    private const int MostPerturbations = 20;
    private const int NoiseLengths = 2;

    // Where nothing is suspicious, the network is hardened toward classes to which sparse perturbations lead half of the samples on the mean, against those that do; the first ones, at many positions, lead to every class.
    // More classes, or a larger share of the perturbed samples, cost clean accuracy.
    private const int AtManyPositions = 2;
    private const float HardenedShare = 0.8f;

    // Share of the epochs that a network gets which has nothing to forget.
    private const double UnopposedShare = 0.5;

    // Displacements are drawn up to this share of what unlearning changed; above it the suspicious class is given up.
    private const float LargestDisplacement = 0.38f;

    // Share of the samples that are replaced by such of suspicious classes while weights are displaced.
    private const float RepeatedShare = 0.25f;

    // Last share of the relearning epochs, plain ones.
    private const double PlainShare = 0.2;

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
        PlannedPerturbation[] carried = [.. perturbations];
        var epochs = isHardened && carried.Length == 0 ? (int)Math.Ceiling(UnopposedShare * options.RelearningEpochs) : options.RelearningEpochs;
        return new RelearningPlan
        {
            Suspicious = suspicious,
            Perturbations = carried,
            Range = search?.Range ?? new SampleRange(clean),
            PerturbedShare = isHardened ? HardenedShare * options.PerturbedShare : options.PerturbedShare,
            MixedShare = options.DistillationWeight > 0 ? options.MixedShare : 0f,
            DisplacedShare = displaces ? options.DisplacedShare : 0f,
            LargestDisplacement = LargestDisplacement,
            RepeatedShare = displaces ? RepeatedShare : 0f,
            Epochs = epochs,
            PlainFrom = epochs - (int)Math.Ceiling(PlainShare * epochs),
        };
    }

    // Where nothing is suspicious: sparse ones that still lead most samples, to whichever class.
    private IEnumerable<PlannedPerturbation> Hardening() =>
        paths.Where(p => p is { Kind: PerturbationKind.Sparse, IsComparable: true })
            .GroupBy(p => p.Goal)
            .Where(draws => draws.Average(p => p.Reach) >= SharedPerturbationSearch.LeastLeading)
            .SelectMany(draws => draws.SelectMany(p => p.Snapshots.Skip(AtManyPositions)).Select(p => new PlannedPerturbation(draws.Key, p)))
            .Where(p => p.Perturbation.Success >= SharedPerturbationSearch.LeastLeading);

    // A class that is withheld for certain, and to which nothing leads, has a trigger that is too large for the gradient at clean samples.
    private IEnumerable<PlannedPerturbation> Withheld(int neuron)
    {
        if (search is null || !SharedPerturbationDescent.HasOthers(clean, neuron)) return [];
        SharedPerturbation[] found = [.. Enumerable.Range(0, 1 + SharedPerturbationSearch.FurtherDraws).SelectMany(draw => Search(PerturbationKind.Sparse, neuron, draw, isLong: true))];
        return found.Select(p => new PlannedPerturbation(PerturbationGoal.To(neuron), p, 1.0 / found.Length));
    }

    // From every class to the next: those of the kind that leads best, but for the ones that lead less than half as well.
    private IEnumerable<PlannedPerturbation> ToNext()
    {
        var best = paths.Where(p => p.Goal.Class is null).MaxBy(p => p.Reach)!.Snapshots;
        var most = best.Max(p => p.Success);
        return Spread([.. best.Where(p => 2 * p.Success >= most)]).Select(p => new PlannedPerturbation(PerturbationGoal.Next, p));
    }

    // Those that lead to a suspicious class; where none does, all that were found. Steps at displaced weights stand for what the search has not found.
    private (IEnumerable<PlannedPerturbation> Perturbations, bool Displaces) TowardAll(int[] suspicious)
    {
        var perturbations = new List<PlannedPerturbation>();
        var displaces = false;
        foreach (var neuron in suspicious)
        {
            Tried[] kinds = [.. Found(neuron).GroupBy(p => p.Kind).Select(kind => Try(neuron, kind.Key, [.. kind]))];
            var isLed = kinds.Any(k => k.Leading.Length > 0);
            kinds = [.. kinds.Select(k => IsSearchedFurther(neuron, k, isLed) ? Further(neuron, k) : k)];
            displaces |= kinds.All(k => k.Leading.Length == 0);
            perturbations.AddRange(Carried(PerturbationGoal.To(neuron), kinds));
        }

        return (perturbations, displaces);
    }

    private Tried Try(int neuron, PerturbationKind kind, SharedPerturbation[] found) => new(kind, found, [.. found.Where(p => search!.Leads(neuron, p, cancellation))]);

    // What one search finds of a patch in several places, or of a warp, is a part of it.
    private bool IsSearchedFurther(int neuron, Tried kind, bool isLed) =>
        kind.Kind is PerturbationKind.Sparse or PerturbationKind.Warp && paths.Count(p => p.Kind == kind.Kind && p.Goal.Class == neuron) <= 1 && (!isLed || kind.Leading.Length > 0);

    private Tried Further(int neuron, Tried kind)
    {
        var further = Try(neuron, kind.Kind, [.. Enumerable.Range(1, SharedPerturbationSearch.FurtherDraws).SelectMany(draw => Search(kind.Kind, neuron, draw))]);
        return new Tried(kind.Kind, [.. kind.Found, .. further.Found], [.. kind.Leading, .. further.Leading]);
    }

    // A kind of which more leads is nearer to the trigger, however many were found of others.
    private static IEnumerable<PlannedPerturbation> Carried(PerturbationGoal goal, Tried[] kinds)
    {
        var total = kinds.Sum(k => k.LeadingShare);
        if (total == 0) return kinds.SelectMany(k => k.Found).Select(p => new PlannedPerturbation(goal, p, 1.0 / kinds.Sum(k => k.Found.Length)));
        return kinds.Where(k => k.Leading.Length > 0).SelectMany(k =>
        {
            var chosen = Chosen(k);
            return chosen.Select(p => new PlannedPerturbation(goal, p, k.LeadingShare / total / chosen.Length));
        });
    }

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
    private static SharedPerturbation[] Chosen(Tried kind) =>
        kind.Kind == PerturbationKind.Noise ? [.. kind.Leading.Take(NoiseLengths * NoiseSearch.Patterns)] : Spread(kind.Leading);

    // The first and the last, and some in between: the first ones are short, the last ones strong.
    private static SharedPerturbation[] Spread(SharedPerturbation[] found)
    {
        var count = Math.Min(found.Length, MostPerturbations);
        return [.. Enumerable.Range(0, count).Select(i => found[(int)Math.Round((double)i * (found.Length - 1) / Math.Max(count - 1, 1))])];
    }

    // What was found of a kind, and what of it leads half of the samples.
    private sealed record Tried(PerturbationKind Kind, SharedPerturbation[] Found, SharedPerturbation[] Leading)
    {
        public double LeadingShare => (double)Leading.Length / Found.Length;
    }
}
