using System.Numerics.Tensors;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification;

/// <summary>
/// Tries sinusoids that carry clean images of the other classes to one class: every number of periods along rows, columns and diagonals. A trigger of this kind
/// (SIG, arXiv 1902.11237) is so large that the gradient at clean images does not point to it, and there are few enough to try them all.
/// </summary>
/// <param name="clean">Clean images.</param>
/// <param name="range">Their range.</param>
/// <param name="evaluator">The given model.</param>
/// <param name="seed">Seed of the run.</param>
internal sealed class PeriodicSearch(LabeledSamples clean, SampleRange range, Evaluator evaluator, int seed)
{
    /// <summary>Number of sinusoids that are tried.</summary>
    public const int Count = MostPeriods * Directions * Phases;

    private const int MostPeriods = 12;
    private const int Directions = 4;
    private const int Phases = 4;
    private const int Tried = 32;
    private const int Kept = 4;
    private const int Stream = 18;

    // For 3×32×32 values of deviation 1. SIG's usual amplitude, 40 of 255, is the second one on CIFAR-10.
    private static readonly double[] Lengths = [19, 25];

    /// <summary>Searches toward a class.</summary>
    /// <param name="target">The class.</param>
    /// <param name="progress">Told after every sinusoid how many are done, and of how many.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>The best sinusoids, the short ones first; success per length is that of the best.</returns>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public SharedPerturbationPath Search(int target, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        var others = SharedPerturbationDescent.Others(clean, target);
        var random = RandomStream.Create(seed, Stream, target);
        int[] chosen = [.. Enumerable.Range(0, Tried).Select(_ => others[random.Next(others.Length)])];
        var tried = new List<SharedPerturbation>();
        for (var number = 0; number < Count; number++)
        {
            tried.Add(Measured(Sinusoid(number, Lengths[^1]), target, chosen, cancellation));
            progress?.Invoke(number + 1, Count);
        }

        int[] best = [.. Enumerable.Range(0, Count).OrderByDescending(number => tried[number].Success).Take(Kept)];
        SharedPerturbation[] found =
        [
            .. Lengths.SkipLast(1).SelectMany(length => best.Select(number => Measured(Sinusoid(number, length), target, chosen, cancellation))),
            .. best.Select(number => tried[number]),
        ];
        return new SharedPerturbationPath(
            PerturbationKind.Periodic, PerturbationGoal.To(target), [.. found.Chunk(Kept).Select(level => level.Max(p => p.Success))], found);
    }

    private SharedPerturbation Measured(float[] values, int target, int[] chosen, CancellationToken cancellation)
    {
        var perturbation = new SharedPerturbation(PerturbationKind.Periodic, values, 1, 0);
        var samples = clean.Subset(chosen);
        perturbation.ApplyToAll(samples, range);
        return perturbation with { Success = evaluator.EvaluateTriggered(samples, target, cancellation).AttackSuccessRate };
    }

    // The same in every channel.
    private float[] Sinusoid(int number, double length)
    {
        var periods = 1 + (number / (Directions * Phases));
        var (along, down) = (number / Phases % Directions) switch
        {
            0 => (periods, 0),
            1 => (0, periods),
            2 => (periods, periods),
            _ => (periods, -periods),
        };
        var (height, width) = (range.SampleShape[1], range.SampleShape[2]);
        var values = new float[range.SampleLength];
        for (var i = 0; i < values.Length; i++)
        {
            var turns = ((double)along * (i % width) / width) + ((double)down * (i / width % height) / height) + ((double)(number % Phases) / Phases);
            values[i] = (float)Math.Sin(2 * Math.PI * turns);
        }

        TensorPrimitives.Multiply(values, (float)(length * range.LengthScale / TensorPrimitives.Norm<float>(values)), values);
        return values;
    }
}
