using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Finds perturbations that carry clean samples of the other classes to one class of the given model, first everywhere, then at fewer and fewer
/// positions. The trigger of a backdoor is small (Neural Cleanse, Wang et al. 2019), so only its target is still reached at the end.
/// </summary>
internal sealed class SharedPerturbationSearch : IDisposable
{
    /// <summary>Most classes that one search takes; of a model with more, the caller names candidates.</summary>
    public const int MostClasses = 20;

    private const int LevelSteps = 3;
    private const int BatchSize = 32;
    private const int MeasuredAtOnce = 128;

    // All classes go through the levels before this one, then only the foremost go on.
    private const int FirstFinalLevel = 4;
    private const int Finalists = 4;

    // Radii for samples of this length, CIFAR-10's, with a standard deviation of 1.
    private const int ReferenceLength = 3 * 32 * 32;
    private const double FirstRadius = 5;
    private const double LastRadius = 12;

    private const int Stream = 16;

    // Share of the positions, and whether the perturbation is kept as a snapshot.
    private static readonly (double Share, bool Snapshot)[] Levels =
    [
        (1, false), (1 / 2.0, true), (1 / 4.0, false), (1 / 8.0, true), (1 / 16.0, false), (40 / 1024.0, true), (24 / 1024.0, false), (16 / 1024.0, true),
    ];

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

    /// <summary>Searches toward several classes. What is found toward a class depends on the seed, and on the others only in how far it is followed.</summary>
    /// <param name="classes">The classes, at most <see cref="MostClasses"/>.</param>
    /// <param name="progress">Told after every step how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>One path per class, in the order of <paramref name="classes"/>.</returns>
    /// <exception cref="DataSetException">All clean samples are of one of these classes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<SharedPerturbationPath> Search(
        IReadOnlyList<int> classes, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes.Count, MostClasses);
        var steps = LevelSteps * ((classes.Count * FirstFinalLevel) + (Math.Min(classes.Count, Finalists) * (Levels.Length - FirstFinalLevel)));
        var done = 0;
        void StepDone() => progress?.Invoke(++done, steps);
        Candidate[] all = [.. classes.Select(c => new Candidate(new SharedPerturbationDescent(c, clean, Range, RandomStream.Create(seed, Stream, c))))];
        foreach (var candidate in all) Follow(candidate, 0, FirstFinalLevel, StepDone, cancellation);
        var foremost = all.OrderByDescending(c => c.Success[^1]).ThenByDescending(c => c.Success.Average()).ThenBy(c => c.Descent.Target).Take(Finalists);
        foreach (var candidate in foremost.ToArray()) Follow(candidate, FirstFinalLevel, Levels.Length, StepDone, cancellation);
        return [.. all.Select(c => new SharedPerturbationPath(c.Descent.Target, c.Success, c.Snapshots))];
    }

    /// <summary>Measures a perturbation on all clean samples of other classes, perturbed and clipped.</summary>
    /// <param name="evaluator">The model to measure: the given one, or another that reads the same samples.</param>
    /// <param name="target">The class.</param>
    /// <param name="perturbation">What is added, of the sample's length.</param>
    /// <param name="cancellation">Stops the measurement.</param>
    /// <returns>Share that the model sends to the class.</returns>
    /// <exception cref="DataSetException">No clean sample is of another class, or the samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public double Success(Evaluator evaluator, int target, ReadOnlySpan<float> perturbation, CancellationToken cancellation = default)
    {
        var reached = 0;
        var others = SharedPerturbationDescent.Others(clean, target);
        foreach (var chunk in others.Chunk(MeasuredAtOnce))
        {
            var samples = clean.Subset(chunk);
            for (var start = 0; start < samples.Values.Length; start += clean.SampleLength)
            {
                Range.Apply(samples.Values.AsSpan(start, clean.SampleLength), perturbation);
            }

            reached += evaluator.EvaluateTriggered(samples, target, cancellation).ToTarget;
        }

        return (double)reached / others.Length;
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();

    private void Follow(Candidate candidate, int first, int end, Action stepDone, CancellationToken cancellation)
    {
        var scale = Range.Deviation * Math.Sqrt((double)clean.SampleLength / ReferenceLength);
        for (var level = first; level < end; level++)
        {
            var radius = FirstRadius * Math.Pow(LastRadius / FirstRadius, (double)level / (Levels.Length - 1));
            var success = 0.0;
            for (var step = 0; step < LevelSteps; step++)
            {
                success = candidate.Descent.Step(gradients, radius * scale, batch, cancellation);
                stepDone();
            }

            var positions = Math.Max(1, (int)Math.Round(Levels[level].Share * candidate.Descent.Positions));
            candidate.Descent.Keep(positions);
            candidate.Success.Add(success);
            if (Levels[level].Snapshot) candidate.Snapshots.Add(new SharedPerturbation(candidate.Descent.Values.ToArray(), positions, success));
        }
    }

    // A class and what was found toward it so far.
    private sealed record Candidate(SharedPerturbationDescent Descent)
    {
        public List<double> Success { get; } = [];

        public List<SharedPerturbation> Snapshots { get; } = [];
    }
}
