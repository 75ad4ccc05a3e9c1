using System.Numerics.Tensors;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>A perturbation on its way toward one class: descent with normalised gradients on random batches, at fewer and fewer positions.</summary>
internal sealed class SharedPerturbationDescent
{
    // Of the radius.
    private const double StepShare = 0.5;

    // Where the gradient vanishes there is no way to go.
    private const float SmallestNorm = 1e-12f;

    private readonly LabeledSamples clean;
    private readonly SampleRange range;
    private readonly int[] others;
    private readonly Random random;
    private readonly float[] values;

    // 1 at the positions that are still in, 0 elsewhere.
    private readonly float[] kept;
    private readonly float[] energies;
    private readonly float[] sums;

    /// <summary>Starts from zero.</summary>
    /// <param name="target">The class to lead to.</param>
    /// <param name="clean">Clean samples.</param>
    /// <param name="range">Their range.</param>
    /// <param name="random">Draws the batches.</param>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    public SharedPerturbationDescent(int target, LabeledSamples clean, SampleRange range, Random random)
    {
        Target = target;
        this.clean = clean;
        this.range = range;
        this.random = random;
        others = Others(clean, target);
        values = new float[clean.SampleLength];
        var shape = clean.SampleShape;
        Positions = shape.Length == 1 ? shape[0] : clean.SampleLength / shape[0];
        kept = new float[Positions];
        Array.Fill(kept, 1f);
        energies = new float[Positions];
        sums = new float[Positions];
    }

    /// <summary>The class to lead to.</summary>
    public int Target { get; }

    /// <summary>Positions of a sample: pixels of an image, places along the first dimension of other shapes, values of a vector.</summary>
    public int Positions { get; }

    /// <summary>The perturbation, of the sample's length.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>Takes one step.</summary>
    /// <param name="gradients">The model.</param>
    /// <param name="radius">Largest L2 norm of the perturbation.</param>
    /// <param name="batch">Receives the batch, full.</param>
    /// <param name="cancellation">Stops the step.</param>
    /// <returns>Share of the batch that the model sends to the class before the step.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public double Step(PerturbationGradient gradients, double radius, float[] batch, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        for (var start = 0; start < batch.Length; start += values.Length)
        {
            clean.Sample(others[random.Next(others.Length)]).CopyTo(batch.AsSpan(start));
        }

        var (gradient, success) = gradients.Compute(batch, Target, values, cancellation);
        Restrict(gradient);
        var length = TensorPrimitives.Norm<float>(gradient);
        if (!float.IsFinite(length))
            throw new UlrlException($"the gradient of the model by samples of {clean.Source} is not finite; check the normalisation of the samples.");
        TensorPrimitives.MultiplyAdd(gradient, (float)(-StepShare * radius / (length + SmallestNorm)), values, values);
        range.Limit(values);
        var norm = TensorPrimitives.Norm<float>(values);
        if (norm > radius) TensorPrimitives.Multiply(values, (float)(radius / norm), values);
        return success;
    }

    /// <summary>Keeps the positions of the largest energy (sum of squares); those of an image lend support to their eight neighbours. A position that is out stays out.</summary>
    /// <param name="positions">Most positions to keep.</param>
    public void Keep(int positions)
    {
        if (positions >= Positions) return;
        Array.Clear(energies);
        for (var start = 0; start < values.Length; start += Positions)
        {
            var part = values.AsSpan(start, Positions);
            TensorPrimitives.MultiplyAdd(part, part, energies, energies);
        }

        if (clean.SampleShape.Length == 3) SumOverNeighbours(clean.SampleShape[1], clean.SampleShape[2]);
        foreach (var position in Enumerable.Range(0, Positions).OrderByDescending(p => energies[p]).Skip(positions)) kept[position] = 0f;
        Restrict(values);
    }

    /// <summary>The samples that are not of a class.</summary>
    /// <param name="clean">Clean samples.</param>
    /// <param name="target">The class.</param>
    /// <exception cref="DataSetException">There are none.</exception>
    public static int[] Others(LabeledSamples clean, int target)
    {
        int[] others = [.. Enumerable.Range(0, clean.Count).Where(i => clean.Labels[i] != target)];
        return others.Length > 0
            ? others
            : throw new DataSetException($"{clean.Source}: all samples are of class {target}; give clean samples of other classes too.");
    }

    private void Restrict(Span<float> perturbation)
    {
        for (var start = 0; start < perturbation.Length; start += Positions)
        {
            var part = perturbation.Slice(start, Positions);
            TensorPrimitives.Multiply(part, kept, part);
        }
    }

    // 3 × 3, along the rows and then along the columns; nothing lies beyond the border.
    private void SumOverNeighbours(int height, int width)
    {
        energies.CopyTo(sums, 0);
        for (var row = 0; row < energies.Length; row += width)
        {
            TensorPrimitives.Add(sums.AsSpan(row, width - 1), energies.AsSpan(row + 1, width - 1), sums.AsSpan(row));
            TensorPrimitives.Add(sums.AsSpan(row + 1, width - 1), energies.AsSpan(row, width - 1), sums.AsSpan(row + 1));
        }

        sums.CopyTo(energies, 0);
        var rest = width * (height - 1);
        TensorPrimitives.Add(energies.AsSpan(0, rest), sums.AsSpan(width), energies);
        TensorPrimitives.Add(energies.AsSpan(width), sums.AsSpan(0, rest), energies.AsSpan(width));
    }
}
