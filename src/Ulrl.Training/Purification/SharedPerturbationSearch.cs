using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Finds perturbations that carry clean samples of the other classes to one class of the given model, or from every class to the next, within a family that has
/// less and less freedom: at fewer and fewer positions, of fewer and fewer frequencies, or by a smooth warp. The trigger of a backdoor is simple
/// (Neural Cleanse, Wang et al. 2019), so only its target is still reached at the end.
/// </summary>
internal sealed class SharedPerturbationSearch : IDisposable
{
    /// <summary>Most classes that one search takes; of a model with more, the caller names candidates.</summary>
    public const int MostClasses = 20;

    /// <summary>Further searches with other random numbers, where one is not enough.</summary>
    public const int FurtherDraws = 2;

    /// <summary>Share of the samples from which on a perturbation counts as leading them.</summary>
    public const double LeastLeading = 0.5;

    private const int MostMeasured = 128;

    // Whether a perturbation leads half of the samples is told by so few of them where their share is this far from half: four standard errors.
    private const int Glanced = 64;
    private const double FarFromHalf = 0.25;

    // So many classes are followed to the end by the first draw; fewer where one is clearly ahead by then.
    private const int Finalists = 4;
    private const int ClearFinalists = 2;
    private const double ClearLead = 0.4;

    // So many are drawn a third time.
    private const int Redrawn = 3;

    // What leads fewer samples at a measured final level leads hardly more with fewer positions, and is not followed further; a target led half of them there and more,
    // though 0.15 before the final levels.
    private const double LeastFollowed = 0.25;

    // From a class to the next no perturbation leads but a trigger; one that still leads so few samples after the first levels is given up. Measured, clean models show at
    // most 0.06 of them, attacked ones 0.32 and more; two batches, which are all there is of other kinds, tell less.
    private const double LeastToNext = 0.2;
    private const int ProbedLevels = 3;
    private const double LeastOfBatches = 0.12;

    private const int ReferenceSide = 32;

    private const int Stream = 16;
    private const int KindStreams = 1_000_000;
    private const int KindsOfStreams = 5;
    private const int NextStream = KindStreams - 1;

    private readonly LabeledSamples clean;
    private readonly int classes;
    private readonly int seed;
    private readonly Evaluator given;
    private readonly PerturbationGradient gradients;
    private readonly float[] batch;

    /// <summary>Opens the given model.</summary>
    /// <param name="model">The given model. It is not changed.</param>
    /// <param name="outputName">Its output that holds the logits or probabilities; null for the first.</param>
    /// <param name="classes">Number of its classes.</param>
    /// <param name="clean">Clean samples as the model reads them, which fit it.</param>
    /// <param name="given">Measures the model; it stays open.</param>
    /// <param name="engine">What computes.</param>
    /// <param name="device">A device that the engine has settled.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between input and logits cannot be differentiated.</exception>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input, or its answers do not depend on it smoothly.</exception>
    public SharedPerturbationSearch(
        OnnxModel model, string? outputName, int classes, LabeledSamples clean, Evaluator given, TrainingEngine engine, Device device, int threads, int seed)
    {
        this.clean = clean;
        this.classes = classes;
        this.seed = seed;
        this.given = given;
        batch = new float[checked(SharedPerturbationSchedule.MostSamples * clean.SampleLength)];
        Range = new SampleRange(clean);
        gradients = new PerturbationGradient(model, outputName, Range, engine, device, threads);
    }

    /// <summary>What perturbed samples are clipped to.</summary>
    public SampleRange Range { get; }

    /// <summary>Kinds of perturbations that samples of this shape can have.</summary>
    public IReadOnlyList<PerturbationKind> Kinds => Range.IsPicture
        ? [PerturbationKind.Noise, PerturbationKind.Sparse, PerturbationKind.Smooth, PerturbationKind.Warp]
        : [PerturbationKind.Sparse];

    /// <summary>Searches toward several goals. What is found toward one depends on the seed, and in the first draw on the others in how far it is followed.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="goals">Classes, at most <see cref="MostClasses"/>, and <see cref="PerturbationGoal.Next"/>, which is given up early where it is hopeless.</param>
    /// <param name="draw">Number of the search among those with other random numbers; 0, the default, for the first, which follows the foremost classes to the end; the others follow all.</param>
    /// <param name="isLong">Whether sparse perturbations are long from the first level on; such lead to every class, and only what leads to a class that is a target anyhow is worth them.</param>
    /// <param name="progress">Told after every step how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>One path per goal, in the order of <paramref name="goals"/>.</returns>
    /// <exception cref="DataSetException">All clean samples are of one of these classes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<SharedPerturbationPath> Search(
        PerturbationKind kind, IReadOnlyList<PerturbationGoal> goals, int draw = 0, bool isLong = false, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        if (kind == PerturbationKind.Noise) return new NoiseSearch(clean, classes, Range, given, seed).Search(goals, draw, progress, cancellation);
        var counter = new StepCounter(progress);
        var schedule = SharedPerturbationSchedule.Of(kind, isLong);
        var isOneOfMany = goals.Count(goal => goal.Class is not null) > 1;
        Candidate[] all = [.. goals.Select(goal => new Candidate(kind, SharedPerturbationDescent.Begin(kind, goal, clean, Range, classes, Random(kind, goal, draw)), isOneOfMany && goal.Class is not null))];
        Candidate[] toClass = [.. all.Where(c => c.Descent.Goal.Class is not null)];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toClass.Length, MostClasses);
        var isMeasured = schedule.Measured.Contains(schedule.FirstFinal - 1);
        var probed = isMeasured ? schedule.FirstFinal : ProbedLevels;
        var finalSteps = schedule.Steps(schedule.FirstFinal, schedule.Levels);
        var least = Math.Min(toClass.Length, ClearFinalists);
        counter.Expect((toClass.Length * schedule.Steps(0, schedule.FirstFinal)) + (least * finalSteps) + ((all.Length - toClass.Length) * schedule.Steps(0, probed)));
        foreach (var candidate in toClass) Follow(candidate, schedule, 0, schedule.FirstFinal, counter, cancellation);
        var order = Ranked(toClass, schedule);
        var foremost = draw > 0 ? order : order[..Math.Min(order.Length, IsAhead(order) ? ClearFinalists : Finalists)];
        counter.Expect((foremost.Length - least) * finalSteps);
        foreach (var candidate in foremost) Follow(candidate, schedule, schedule.FirstFinal, schedule.Levels, counter, cancellation);
        foreach (var candidate in all.Except(toClass))
        {
            Follow(candidate, schedule, 0, probed, counter, cancellation);
            if (isMeasured ? candidate.Success[^1] < LeastToNext : candidate.Success.Skip(1).Average() < LeastOfBatches) continue;
            counter.Expect(schedule.Steps(probed, schedule.Levels));
            Follow(candidate, schedule, probed, schedule.Levels, counter, cancellation);
        }

        return [.. all.Select(c => new SharedPerturbationPath(kind, c.Descent.Goal, c.Success, c.Snapshots) { IsComplete = c.Success.Count == schedule.Levels })];
    }

    /// <summary>The classes that perturbations of a kind lead most samples to.</summary>
    /// <param name="paths">What was found, in one search or several.</param>
    /// <param name="kind">The kind.</param>
    public static PerturbationGoal[] Foremost(IEnumerable<SharedPerturbationPath> paths, PerturbationKind kind) =>
        [.. paths.Where(p => p.IsComparable && p.Kind == kind).OrderByDescending(p => p.Reach).Select(p => p.Goal).Distinct().Take(Redrawn)];

    /// <summary>Whether a perturbation leads at least half of the clean samples of other classes to a class; some of them tell where most or hardly any follow.</summary>
    /// <param name="target">The class.</param>
    /// <param name="perturbation">The perturbation.</param>
    /// <param name="cancellation">Stops the measurement.</param>
    /// <exception cref="DataSetException">No clean sample is of another class, or the samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public bool Leads(int target, SharedPerturbation perturbation, CancellationToken cancellation = default)
    {
        var others = SharedPerturbationDescent.Others(clean, target);
        var goal = PerturbationGoal.To(target);
        var glance = Led(goal, perturbation, SharedPerturbationDescent.Spread(others, Glanced), cancellation);
        return (Math.Abs(glance - LeastLeading) > FarFromHalf ? glance : Led(goal, perturbation, SharedPerturbationDescent.Spread(others, MostMeasured), cancellation)) >= LeastLeading;
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();

    private Random Random(PerturbationKind kind, PerturbationGoal goal, int draw) =>
        RandomStream.Create(seed, Stream, (((draw * KindsOfStreams) + (int)kind) * KindStreams) + (goal.Class ?? NextStream));

    // Share of some samples that a perturbation leads to its goal.
    private double Led(PerturbationGoal goal, SharedPerturbation perturbation, int[] numbers, CancellationToken cancellation)
    {
        var samples = clean.Subset(numbers);
        perturbation.ApplyToAll(samples, Range);
        return goal.Share(given.EvaluateClean(samples, cancellation).Predictions, samples.Labels, classes);
    }

    // A level that is measured ranks by itself; of others two are less chance than one.
    private static Candidate[] Ranked(IEnumerable<Candidate> candidates, SharedPerturbationSchedule schedule)
    {
        var ranking = schedule.Measured.Contains(schedule.FirstFinal - 1) ? 1 : 2;
        return [.. candidates.OrderByDescending(c => c.Success.TakeLast(ranking).Average()).ThenByDescending(c => c.Success.Average())];
    }

    // Whether the first is far ahead before the final levels already.
    private static bool IsAhead(Candidate[] order) => order.Length > 1 && order[0].Success[^1] - order[1].Success[^1] >= ClearLead;

    private void Follow(Candidate candidate, SharedPerturbationSchedule schedule, int first, int end, StepCounter counter, CancellationToken cancellation)
    {
        var scale = candidate.Kind == PerturbationKind.Warp ? FieldScale : Range.LengthScale;
        for (var level = first; level < end; level++)
        {
            if (candidate.IsHopeless(schedule, level))
            {
                candidate.Success.Add(candidate.Success[^1]);
                for (var step = 0; step < schedule.Steps(level, level + 1); step++) counter.Count();
                continue;
            }

            var success = 0.0;
            var samples = schedule.Samples(level);
            for (var step = 0; step < schedule.Steps(level, level + 1); step++)
            {
                success = candidate.Descent.Step(gradients, scale * schedule.Radius(level), batch.AsSpan(0, samples * clean.SampleLength), new long[samples], cancellation);
                counter.Count();
            }

            if (level < schedule.Shares.Count && schedule.Shares[level] < 1) candidate.Descent.Keep(schedule.Shares[level]);
            if (schedule.Measured.Contains(level)) success = Led(candidate.Descent.Goal, candidate.Descent.Snapshot(0), candidate.Descent.Led(MostMeasured), cancellation);
            candidate.Success.Add(success);
            if (schedule.Snapshots.Contains(level)) candidate.Snapshots.Add(candidate.Descent.Snapshot(success));
        }
    }

    // A warp moves every pixel by a share of the image's side.
    private double FieldScale => (double)clean.SampleShape[1] * clean.SampleShape[2] / ReferenceSide;

    // A goal and what was found toward it so far.
    private sealed record Candidate(PerturbationKind Kind, SharedPerturbationDescent Descent, bool IsOneOfMany)
    {
        public List<double> Success { get; } = [];

        public List<SharedPerturbation> Snapshots { get; } = [];

        // Taken as if it stayed as it is.
        public bool IsHopeless(SharedPerturbationSchedule schedule, int level) =>
            IsOneOfMany && level > schedule.FirstFinal && schedule.Measured.Contains(level - 1) && Success[^1] < LeastFollowed;
    }

    private sealed class StepCounter(Action<int, int>? progress)
    {
        private int done;
        private int expected;

        public void Expect(int steps) => expected += steps;

        public void Count() => progress?.Invoke(++done, expected);
    }
}
