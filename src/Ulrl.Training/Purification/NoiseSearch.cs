using System.Numerics.Tensors;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification;

/// <summary>
/// Adds noise, the same to all images, and counts where it leads. A trigger that changes every pixel a little, by quantisation with dithering (BPP, arXiv 2205.13383) or an
/// encoder's residual (SSBA, arXiv 2012.03816), makes a model take any noise for it.
/// </summary>
/// <param name="clean">Clean images.</param>
/// <param name="classes">Number of classes of the model.</param>
/// <param name="range">Their range.</param>
/// <param name="given">The given model.</param>
/// <param name="seed">Seed of the run.</param>
internal sealed class NoiseSearch(LabeledSamples clean, int classes, SampleRange range, Evaluator given, int seed)
{
    /// <summary>Number of perturbations of each length.</summary>
    public const int Patterns = 4;

    private const int Stream = 19;
    private const int MostMeasured = 500;

    // For 3×32×32 values of deviation 1; of CIFAR-10, deviations of the noise of 13, 18 and 25 of 255.
    private static readonly double[] Lengths = [11, 16, 22];

    private readonly LabeledSamples measured = clean.Count <= MostMeasured
        ? clean
        : clean.Subset(SharedPerturbationDescent.Spread([.. Enumerable.Range(0, clean.Count)], MostMeasured));

    /// <summary>Measures where noise leads.</summary>
    /// <param name="goals">Classes, and <see cref="PerturbationGoal.Next"/>.</param>
    /// <param name="draw">Number of the search among those with other random numbers.</param>
    /// <param name="progress">Told after every measurement how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>One path per goal, all with the same perturbations, the weak ones first; success per length is that of the first.</returns>
    /// <exception cref="DataSetException">All clean samples are of one of these classes.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<SharedPerturbationPath> Search(
        IReadOnlyList<PerturbationGoal> goals, int draw, Action<int, int>? progress, CancellationToken cancellation)
    {
        // Refuses classes that all samples are of.
        foreach (var goal in goals.Where(g => g.Class is not null)) _ = SharedPerturbationDescent.Others(measured, goal.Class!.Value);
        var random = RandomStream.Create(seed, Stream, draw);
        var success = goals.Select(_ => new List<double>()).ToArray();
        var found = goals.Select(_ => new List<SharedPerturbation>()).ToArray();
        foreach (var length in Lengths)
        {
            float[][] patterns = [.. Enumerable.Range(0, Patterns).Select(_ => Pattern(random, length))];
            var predictions = Predictions(patterns[0], cancellation);
            for (var g = 0; g < goals.Count; g++)
            {
                success[g].Add(goals[g].Share(predictions, measured.Labels, classes));
                found[g].AddRange(patterns.Select(p => new SharedPerturbation(PerturbationKind.Noise, p, p.Length, success[g][^1])));
            }

            progress?.Invoke(success[0].Count, Lengths.Length);
        }

        return [.. goals.Select((goal, g) => new SharedPerturbationPath(PerturbationKind.Noise, goal, success[g], found[g]))];
    }

    private IReadOnlyList<int> Predictions(float[] pattern, CancellationToken cancellation)
    {
        var samples = measured.Subset([.. Enumerable.Range(0, measured.Count)]);
        new SharedPerturbation(PerturbationKind.Noise, pattern, 0, 0).ApplyToAll(samples, range);
        return given.EvaluateClean(samples, cancellation).Predictions;
    }

    private float[] Pattern(Random random, double length)
    {
        var values = new float[range.SampleLength];
        for (var i = 0; i < values.Length; i++) values[i] = Normal(random);
        TensorPrimitives.Multiply(values, (float)(length * range.LengthScale / TensorPrimitives.Norm<float>(values)), values);
        return values;
    }

    // Box and Muller's transform.
    private static float Normal(Random random) =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
