using System.Numerics.Tensors;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>A perturbation on its way toward its goal: descent with normalised gradients on random batches, within fewer and fewer degrees of freedom.</summary>
internal abstract class SharedPerturbationDescent
{
    // Of the radius.
    private const double StepShare = 0.5;

    // Where the gradient vanishes there is no way to go.
    private const float SmallestNorm = 1e-12f;

    private readonly LabeledSamples clean;
    private readonly int[] led;
    private readonly int classes;
    private readonly Random random;
    private readonly SharedPerturbation current;

    /// <summary>Starts from zero.</summary>
    /// <param name="kind">What the perturbation does.</param>
    /// <param name="length">Length of its values.</param>
    /// <param name="goal">Where to lead.</param>
    /// <param name="clean">Clean samples.</param>
    /// <param name="classes">Number of classes of the model.</param>
    /// <param name="random">Draws the batches.</param>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    protected SharedPerturbationDescent(PerturbationKind kind, int length, PerturbationGoal goal, LabeledSamples clean, int classes, Random random)
    {
        Goal = goal;
        this.clean = clean;
        this.classes = classes;
        this.random = random;
        led = goal.Class is { } target ? Others(clean, target) : [.. Enumerable.Range(0, clean.Count)];
        current = new SharedPerturbation(kind, new float[length], 0, 0);
    }

    /// <summary>Where to lead.</summary>
    public PerturbationGoal Goal { get; }

    /// <summary>Positions or frequencies that the perturbation may have at most.</summary>
    public abstract int Size { get; }

    /// <summary>Values of the perturbation as it is.</summary>
    protected float[] Values => current.Values;

    /// <summary>Begins a descent from zero.</summary>
    /// <param name="kind">What the perturbation does.</param>
    /// <param name="goal">Where to lead.</param>
    /// <param name="clean">Clean samples; images for all but a sparse perturbation.</param>
    /// <param name="range">Their range.</param>
    /// <param name="classes">Number of classes of the model.</param>
    /// <param name="random">Draws the batches.</param>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    public static SharedPerturbationDescent Begin(
        PerturbationKind kind, PerturbationGoal goal, LabeledSamples clean, SampleRange range, int classes, Random random) =>
        kind == PerturbationKind.Sparse
            ? new SparseDescent(goal, clean, range, classes, random)
            : new SpectralDescent(kind, goal, clean, classes, random);

    /// <summary>Whether some samples are not of a class, so that they can be led there.</summary>
    /// <param name="clean">Clean samples.</param>
    /// <param name="target">The class.</param>
    public static bool HasOthers(LabeledSamples clean, int target) => clean.Labels.Any(label => label != target);

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

    /// <summary>Samples that are to be led, spread over all of them.</summary>
    /// <param name="most">How many at most.</param>
    public int[] Led(int most) => Spread(led, most);

    /// <summary>Some of the samples, spread over all of them.</summary>
    /// <param name="samples">Their numbers.</param>
    /// <param name="most">How many at most.</param>
    public static int[] Spread(int[] samples, int most) =>
        samples.Length <= most ? samples : [.. Enumerable.Range(0, most).Select(i => samples[(int)((long)i * samples.Length / most)])];

    /// <summary>Takes one step.</summary>
    /// <param name="gradients">The model.</param>
    /// <param name="radius">Largest L2 norm of the perturbation's values.</param>
    /// <param name="batch">Receives the samples, full.</param>
    /// <param name="targets">Receives the class that each is to be led to.</param>
    /// <param name="cancellation">Stops the step.</param>
    /// <returns>Share of the batch that the model sends there before the step.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public double Step(PerturbationGradient gradients, double radius, Span<float> batch, long[] targets, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        for (var i = 0; i < targets.Length; i++)
        {
            var sample = led[random.Next(led.Length)];
            clean.Sample(sample).CopyTo(batch[(i * clean.SampleLength)..]);
            targets[i] = Goal.Of(clean.Labels[sample], classes);
        }

        var (gradient, success) = gradients.Compute(batch, targets, current, cancellation);
        Restrict(gradient);
        var length = TensorPrimitives.Norm<float>(gradient);
        if (!float.IsFinite(length))
            throw new UlrlException($"the gradient of the model by samples of {clean.Source} is not finite; check the normalisation of the samples.");
        TensorPrimitives.MultiplyAdd(gradient, (float)(-StepShare * radius / (length + SmallestNorm)), Values, Values);
        Limit();
        var norm = TensorPrimitives.Norm<float>(Values);
        if (norm > radius) TensorPrimitives.Multiply(Values, (float)(radius / norm), Values);
        return success;
    }

    /// <summary>Keeps a share of the positions or frequencies, those of the largest energy (sum of squares). What is out stays out.</summary>
    /// <param name="share">The share, from 0 to 1; at least one is kept.</param>
    public abstract void Keep(double share);

    /// <summary>A copy of the perturbation as it is.</summary>
    /// <param name="success">Share of a batch that the model sent to the goal.</param>
    public SharedPerturbation Snapshot(double success) => current with { Values = (float[])current.Values.Clone(), Size = Size, Success = success };

    /// <summary>Turns a gradient by the perturbation's values into a direction that it may take.</summary>
    /// <param name="gradient">The gradient, changed in place.</param>
    protected abstract void Restrict(float[] gradient);

    /// <summary>Limits single values after a step; nothing by default.</summary>
    protected virtual void Limit()
    {
    }

    /// <summary>Sum of squares of every place over the planes.</summary>
    /// <param name="values">Plane after plane.</param>
    /// <param name="energies">Receives the sums, of the length of a plane.</param>
    protected static void Energies(ReadOnlySpan<float> values, Span<float> energies)
    {
        energies.Clear();
        for (var start = 0; start < values.Length; start += energies.Length)
        {
            var plane = values.Slice(start, energies.Length);
            TensorPrimitives.MultiplyAdd(plane, plane, energies, energies);
        }
    }

    /// <summary>Multiplies every plane by the same factors.</summary>
    /// <param name="values">Plane after plane, changed in place.</param>
    /// <param name="factors">One per place of a plane.</param>
    protected static void Multiply(Span<float> values, ReadOnlySpan<float> factors)
    {
        for (var start = 0; start < values.Length; start += factors.Length)
        {
            var plane = values.Slice(start, factors.Length);
            TensorPrimitives.Multiply(plane, factors, plane);
        }
    }

    /// <summary>The places of the largest values.</summary>
    /// <param name="energies">The values.</param>
    /// <param name="share">Share of all places.</param>
    protected static HashSet<int> Largest(float[] energies, double share) =>
        [.. Enumerable.Range(0, energies.Length).OrderByDescending(p => energies[p]).Take(Math.Max(1, (int)Math.Round(share * energies.Length)))];
}
