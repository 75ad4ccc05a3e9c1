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

    private const int BatchSize = 32;
    private const int MeasuredAtOnce = 128;

    // So many classes are followed to the end.
    private const int Finalists = 4;

    // From a class to the next no perturbation leads but a trigger; one that still leads so few samples after so many levels is given up.
    private const int ProbedLevels = 3;
    private const double LeastToNext = 0.12;

    private const int ReferenceSide = 32;

    private const int Stream = 16;
    private const int KindStreams = 1_000_000;
    private const int NextStream = KindStreams - 1;

    private static readonly double[] Shares = [1, 1 / 2.0, 1 / 4.0, 1 / 8.0, 1 / 16.0, 40 / 1024.0, 24 / 1024.0, 16 / 1024.0];

    private static readonly Dictionary<PerturbationKind, Schedule> Schedules = new()
    {
        [PerturbationKind.Sparse] = new(5, 12, Shares, [1, 3, 5, 7], FirstFinal: 4, Refined: 0),
        [PerturbationKind.Smooth] = new(6, 20, Shares, [0, 1, 2, 3, 4, 5, 6, 7, 11], FirstFinal: 8, Refined: 4),
        [PerturbationKind.Warp] = new(0.6, 1.5, [1, 1, 1, 1], [0, 1, 2, 3], FirstFinal: 2, Refined: 0),
    };

    private readonly LabeledSamples clean;
    private readonly int classes;
    private readonly int seed;
    private readonly PerturbationGradient gradients;
    private readonly float[] batch;
    private readonly long[] targets = new long[BatchSize];

    /// <summary>Opens the given model.</summary>
    /// <param name="model">The given model. It is not changed.</param>
    /// <param name="outputName">Its output that holds the logits or probabilities; null for the first.</param>
    /// <param name="classes">Number of its classes.</param>
    /// <param name="clean">Clean samples as the model reads them, which fit it.</param>
    /// <param name="engine">What computes.</param>
    /// <param name="device">A device that the engine has settled.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between input and logits cannot be differentiated.</exception>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input, or its answers do not depend on it smoothly.</exception>
    public SharedPerturbationSearch(
        OnnxModel model, string? outputName, int classes, LabeledSamples clean, TrainingEngine engine, Device device, int threads, int seed)
    {
        this.clean = clean;
        this.classes = classes;
        this.seed = seed;
        batch = new float[checked(BatchSize * clean.SampleLength)];
        Range = new SampleRange(clean);
        gradients = new PerturbationGradient(model, outputName, Range, engine, device, threads);
    }

    /// <summary>What perturbed samples are clipped to.</summary>
    public SampleRange Range { get; }

    /// <summary>Kinds of perturbations that samples of this shape can have.</summary>
    public IReadOnlyList<PerturbationKind> Kinds => Range.IsPicture ? [.. Schedules.Keys] : [PerturbationKind.Sparse];

    /// <summary>Searches toward several goals. What is found toward one depends on the seed, and on the others only in how far it is followed.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="goals">Classes, at most <see cref="MostClasses"/>, and <see cref="PerturbationGoal.Next"/>, which is given up early where it is hopeless.</param>
    /// <param name="progress">Told after every step how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>One path per goal, in the order of <paramref name="goals"/>.</returns>
    /// <exception cref="DataSetException">All clean samples are of one of these classes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<SharedPerturbationPath> Search(
        PerturbationKind kind, IReadOnlyList<PerturbationGoal> goals, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        var schedule = Schedules[kind];
        Candidate[] all = [.. goals.Select(goal => new Candidate(SharedPerturbationDescent.Begin(kind, goal, clean, Range, classes, Random(kind, goal))))];
        Candidate[] toClass = [.. all.Where(c => c.Descent.Goal.Class is not null)];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toClass.Length, MostClasses);
        var counter = new StepCounter(progress);
        var probed = Math.Min(ProbedLevels, schedule.Shares.Length);
        counter.Expect(toClass.Length * schedule.Steps(0, schedule.FirstFinal));
        counter.Expect(Math.Min(toClass.Length, Finalists) * schedule.Steps(schedule.FirstFinal, schedule.Levels));
        counter.Expect((all.Length - toClass.Length) * schedule.Steps(0, probed));
        foreach (var candidate in toClass) Follow(candidate, kind, 0, schedule.FirstFinal, counter, cancellation);
        foreach (var candidate in Foremost(toClass)) Follow(candidate, kind, schedule.FirstFinal, schedule.Levels, counter, cancellation);
        foreach (var candidate in all.Except(toClass))
        {
            Follow(candidate, kind, 0, probed, counter, cancellation);
            if (candidate.Success.Skip(1).Average() < LeastToNext) continue;
            counter.Expect(schedule.Steps(probed, schedule.Levels));
            Follow(candidate, kind, probed, schedule.Levels, counter, cancellation);
        }

        return [.. all.Select(c => new SharedPerturbationPath(kind, c.Descent.Goal, c.Success, c.Snapshots))];
    }

    /// <summary>Whether a perturbation leads at least half of the clean samples of other classes to a class. Ends as soon as that is certain.</summary>
    /// <param name="evaluator">The model to measure: the given one, or another that reads the same samples.</param>
    /// <param name="target">The class.</param>
    /// <param name="perturbation">The perturbation.</param>
    /// <param name="cancellation">Stops the measurement.</param>
    /// <exception cref="DataSetException">No clean sample is of another class, or the samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public bool Leads(Evaluator evaluator, int target, SharedPerturbation perturbation, CancellationToken cancellation = default)
    {
        var (reached, seen) = (0, 0);
        var others = SharedPerturbationDescent.Others(clean, target);
        foreach (var chunk in others.Chunk(MeasuredAtOnce))
        {
            var samples = clean.Subset(chunk);
            perturbation.ApplyToAll(samples, Range);
            reached += evaluator.EvaluateTriggered(samples, target, cancellation).ToTarget;
            seen += chunk.Length;
            if (2 * reached >= others.Length || 2 * (reached + others.Length - seen) < others.Length) break;
        }

        return 2 * reached >= others.Length;
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();

    private Random Random(PerturbationKind kind, PerturbationGoal goal) =>
        RandomStream.Create(seed, Stream, ((int)kind * KindStreams) + (goal.Class ?? NextStream));

    private static Candidate[] Foremost(IEnumerable<Candidate> candidates) =>
        [.. candidates.OrderByDescending(c => c.Success.TakeLast(2).Average()).ThenByDescending(c => c.Success.Average()).Take(Finalists)];

    private void Follow(Candidate candidate, PerturbationKind kind, int first, int end, StepCounter counter, CancellationToken cancellation)
    {
        var schedule = Schedules[kind];
        var scale = kind == PerturbationKind.Warp ? FieldScale : Range.LengthScale;
        for (var level = first; level < end; level++)
        {
            var success = 0.0;
            for (var step = 0; step < schedule.Steps(level, level + 1); step++)
            {
                success = candidate.Descent.Step(gradients, scale * schedule.Radius(level), batch, targets, cancellation);
                counter.Count();
            }

            if (level < schedule.Shares.Length && schedule.Shares[level] < 1) candidate.Descent.Keep(schedule.Shares[level]);
            candidate.Success.Add(success);
            if (schedule.Snapshots.Contains(level)) candidate.Snapshots.Add(candidate.Descent.Snapshot(success));
        }
    }

    // A warp moves every pixel by a share of the image's side.
    private double FieldScale => (double)clean.SampleShape[1] * clean.SampleShape[2] / ReferenceSide;

    // Lengths at the first and last level (between them geometrically), share of positions or frequencies per level, the levels that are kept as snapshots. All
    // classes go through the levels before the first final one, then only the foremost go on. Further levels refine what is left with more steps: at first few samples may follow, and then nearly all at once.
    // The length of a warp is the mean way of a pixel.
    private sealed record Schedule(double FirstRadius, double LastRadius, double[] Shares, int[] Snapshots, int FirstFinal, int Refined)
    {
        private const int LevelSteps = 3;
        private const int RefiningSteps = 8;

        public int Levels => Shares.Length + Refined;

        public int Steps(int first, int end) => Enumerable.Range(first, end - first).Sum(level => level < Shares.Length ? LevelSteps : RefiningSteps);

        public double Radius(int level) => FirstRadius * Math.Pow(LastRadius / FirstRadius, Math.Min((double)level / (Shares.Length - 1), 1));
    }

    // A goal and what was found toward it so far.
    private sealed record Candidate(SharedPerturbationDescent Descent)
    {
        public List<double> Success { get; } = [];

        public List<SharedPerturbation> Snapshots { get; } = [];
    }

    private sealed class StepCounter(Action<int, int>? progress)
    {
        private int done;
        private int expected;

        public void Expect(int steps) => expected += steps;

        public void Count() => progress?.Invoke(++done, expected);
    }
}
