using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Finds perturbations that carry clean samples of the other classes to one class of the given model, within a family that has less and less freedom: at fewer and
/// fewer positions, of fewer and fewer frequencies, or by a smooth warp. The trigger of a backdoor is simple (Neural Cleanse, Wang et al. 2019), so only its target
/// is still reached at the end.
/// </summary>
internal sealed class SharedPerturbationSearch : IDisposable
{
    /// <summary>Most classes that one search takes; of a model with more, the caller names candidates.</summary>
    public const int MostClasses = 20;

    private const int LevelSteps = 3;
    private const int BatchSize = 32;
    private const int MeasuredAtOnce = 128;

    // So many classes are followed through all levels.
    private const int Finalists = 4;

    // Lengths are for samples of this length, CIFAR-10's, with a standard deviation of 1.
    private const int ReferenceLength = 3 * ReferenceSide * ReferenceSide;
    private const int ReferenceSide = 32;

    private const int Stream = 16;
    private const int KindStreams = 1_000_000;

    private static readonly double[] Shares = [1, 1 / 2.0, 1 / 4.0, 1 / 8.0, 1 / 16.0, 40 / 1024.0, 24 / 1024.0, 16 / 1024.0];

    private static readonly Dictionary<PerturbationKind, Schedule> Schedules = new()
    {
        [PerturbationKind.Sparse] = new(5, 12, Shares, [1, 3, 5, 7], FirstFinal: 4),
        [PerturbationKind.Smooth] = new(6, 20, Shares, [0, 1, 2, 3, 4, 5, 6, 7], FirstFinal: 4),
        [PerturbationKind.Warp] = new(0.6, 1.5, [1, 1, 1, 1], [0, 1, 2, 3], FirstFinal: 2),
    };

    private readonly LabeledSamples clean;
    private readonly int seed;
    private readonly PerturbationGradient gradients;
    private readonly float[] batch;

    /// <summary>Opens the given model.</summary>
    /// <param name="model">The given model. It is not changed.</param>
    /// <param name="outputName">Its output that holds the logits or probabilities; null for the first.</param>
    /// <param name="clean">Clean samples as the model reads them, which fit it.</param>
    /// <param name="engine">What computes.</param>
    /// <param name="device">A device that the engine has settled.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between input and logits cannot be differentiated.</exception>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input, or its answers do not depend on it smoothly.</exception>
    public SharedPerturbationSearch(
        OnnxModel model, string? outputName, LabeledSamples clean, TrainingEngine engine, Device device, int threads, int seed)
    {
        this.clean = clean;
        this.seed = seed;
        batch = new float[checked(BatchSize * clean.SampleLength)];
        Range = new SampleRange(clean);
        gradients = new PerturbationGradient(model, outputName, Range, engine, device, threads);
    }

    /// <summary>What perturbed samples are clipped to.</summary>
    public SampleRange Range { get; }

    /// <summary>Kinds of perturbations that samples of this shape can have.</summary>
    public IReadOnlyList<PerturbationKind> Kinds => Range.IsPicture ? Enum.GetValues<PerturbationKind>() : [PerturbationKind.Sparse];

    /// <summary>Searches toward several classes. What is found toward a class depends on the seed, and on the others only in how far it is followed.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="classes">The classes, at most <see cref="MostClasses"/>.</param>
    /// <param name="progress">Told after every step how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>One path per class, in the order of <paramref name="classes"/>.</returns>
    /// <exception cref="DataSetException">All clean samples are of one of these classes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<SharedPerturbationPath> Search(
        PerturbationKind kind, IReadOnlyList<int> classes, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes.Count, MostClasses);
        var schedule = Schedules[kind];
        var levels = schedule.Shares.Length;
        var steps = LevelSteps * ((classes.Count * schedule.FirstFinal) + (Math.Min(classes.Count, Finalists) * (levels - schedule.FirstFinal)));
        var done = 0;
        void StepDone() => progress?.Invoke(++done, steps);
        Candidate[] all = [.. classes.Select(c => new Candidate(
            SharedPerturbationDescent.Begin(kind, c, clean, Range, RandomStream.Create(seed, Stream, ((int)kind * KindStreams) + c))))];
        foreach (var candidate in all) Follow(candidate, kind, 0, schedule.FirstFinal, StepDone, cancellation);
        var foremost = all.OrderByDescending(c => c.Success[^1]).ThenByDescending(c => c.Success.Average()).ThenBy(c => c.Descent.Target).Take(Finalists);
        foreach (var candidate in foremost.ToArray()) Follow(candidate, kind, schedule.FirstFinal, levels, StepDone, cancellation);
        return [.. all.Select(c => new SharedPerturbationPath(kind, c.Descent.Target, c.Success, c.Snapshots))];
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
            for (var start = 0; start < samples.Values.Length; start += clean.SampleLength)
            {
                perturbation.Apply(samples.Values.AsSpan(start, clean.SampleLength), Range);
            }

            reached += evaluator.EvaluateTriggered(samples, target, cancellation).ToTarget;
            seen += chunk.Length;
            if (2 * reached >= others.Length || 2 * (reached + others.Length - seen) < others.Length) break;
        }

        return 2 * reached >= others.Length;
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();

    private void Follow(Candidate candidate, PerturbationKind kind, int first, int end, Action stepDone, CancellationToken cancellation)
    {
        var schedule = Schedules[kind];
        var scale = Scale(kind);
        for (var level = first; level < end; level++)
        {
            var radius = scale * schedule.FirstRadius * Math.Pow(schedule.LastRadius / schedule.FirstRadius, (double)level / (schedule.Shares.Length - 1));
            var success = 0.0;
            for (var step = 0; step < LevelSteps; step++)
            {
                success = candidate.Descent.Step(gradients, radius, batch, cancellation);
                stepDone();
            }

            if (schedule.Shares[level] < 1) candidate.Descent.Keep(schedule.Shares[level]);
            candidate.Success.Add(success);
            if (schedule.Snapshots.Contains(level)) candidate.Snapshots.Add(candidate.Descent.Snapshot(success));
        }
    }

    // What is added grows with the spread and the length of the samples; a warp moves every pixel by a share of the image's side.
    private double Scale(PerturbationKind kind)
    {
        if (kind != PerturbationKind.Warp) return Range.Deviation * Math.Sqrt((double)clean.SampleLength / ReferenceLength);
        return (double)clean.SampleShape[1] * clean.SampleShape[2] / ReferenceSide;
    }

    // Lengths at the first and last level (between them geometrically), share of positions or frequencies per level, the levels that are kept as snapshots. All
    // classes go through the levels before the first final one, then only the foremost go on. The length of a warp is the mean way of a pixel.
    private sealed record Schedule(double FirstRadius, double LastRadius, double[] Shares, int[] Snapshots, int FirstFinal);

    // A class and what was found toward it so far.
    private sealed record Candidate(SharedPerturbationDescent Descent)
    {
        public List<double> Success { get; } = [];

        public List<SharedPerturbation> Snapshots { get; } = [];
    }
}
