using System.Numerics.Tensors;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>Descent at fewer and fewer positions: pixels of an image, places along the first dimension of other shapes, values of a vector.</summary>
internal sealed class SparseDescent : SharedPerturbationDescent
{
    private readonly LabeledSamples clean;
    private readonly SampleRange range;

    // 1 at the positions that are still in, 0 elsewhere.
    private readonly float[] kept;
    private readonly float[] energies;
    private readonly float[] sums;
    private int size;

    /// <inheritdoc cref="SharedPerturbationDescent.Begin"/>
    public SparseDescent(PerturbationGoal goal, LabeledSamples clean, SampleRange range, int classes, Random random)
        : base(PerturbationKind.Sparse, clean.SampleLength, goal, clean, classes, random)
    {
        this.clean = clean;
        this.range = range;
        var shape = clean.SampleShape;
        kept = new float[shape.Length == 1 ? shape[0] : clean.SampleLength / shape[0]];
        Array.Fill(kept, 1f);
        energies = new float[kept.Length];
        sums = new float[kept.Length];
        size = kept.Length;
    }

    /// <inheritdoc/>
    public override int Size => size;

    /// <inheritdoc/>
    public override void Keep(double share)
    {
        Energies(Values, energies);

        // The positions of an image lend support to their eight neighbours.
        if (clean.SampleShape.Length == 3) SumOverNeighbours(clean.SampleShape[1], clean.SampleShape[2]);
        var largest = Largest(energies, share);
        for (var p = 0; p < kept.Length; p++)
        {
            if (!largest.Contains(p)) kept[p] = 0f;
        }

        size = largest.Count;
        Restrict(Values);
    }

    /// <inheritdoc/>
    protected override void Restrict(float[] gradient) => Multiply(gradient, kept);

    /// <inheritdoc/>
    protected override void Limit() => range.Limit(Values);

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
