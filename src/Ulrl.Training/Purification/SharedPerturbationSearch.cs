using System.Numerics.Tensors;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Finds perturbations that carry clean samples of the other classes to one class of the given model. A backdoor lets a small one do so.
/// Descent with normalised gradients on random batches, projected to a ball (Shafahi et al., Universal Adversarial Training, arXiv 1811.11304).
/// </summary>
internal sealed class SharedPerturbationSearch : IDisposable
{
    /// <summary>The radius that <see cref="Grow"/> starts with, for samples of <see cref="ReferenceLength"/> values.</summary>
    public const double SmallestRadius = 2.5;

    /// <summary>No radius of <see cref="Grow"/> lies above this, for samples of <see cref="ReferenceLength"/> values.</summary>
    public const double LargestRadius = 10;

    /// <summary>Values of the samples that the radii are meant for, those of CIFAR-10. For others a radius grows with the root of their number.</summary>
    public const int ReferenceLength = 3 * 32 * 32;

    private const double Growth = 1.25;
    private const int LevelSteps = 6;
    private const double LevelDecay = 0.7;
    private const int FixedSteps = 12;
    private const double FixedDecay = 0.8;
    private const int LargestBatch = 64;

    // Of the radius: the norm of the random start, and the first step.
    private const double StartShare = 0.2;
    private const double StepShare = 1.0 / 3;

    // Where the gradient vanishes there is no way to go.
    private const double SmallestNorm = 1e-12;

    private const int Stream = 16;
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
    /// <param name="batchSize">Most samples of a batch; 64 are enough.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between input and logits cannot be differentiated.</exception>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input, or its answers do not depend on it smoothly.</exception>
    public SharedPerturbationSearch(
        OnnxModel model, string? outputName, LabeledSamples clean, TrainingEngine engine, Device device, int threads, int batchSize, int seed)
    {
        this.clean = clean;
        this.seed = seed;
        batch = new float[checked(Math.Min(batchSize, LargestBatch) * clean.SampleLength)];
        gradients = new PerturbationGradient(model, outputName, clean.SampleShape, engine, device, threads);
    }

    /// <summary>Searches in balls that grow by a quarter, each from where the one before ended, until a perturbation succeeds.</summary>
    /// <param name="target">The class to lead to.</param>
    /// <param name="index">Tells the searches of one seed apart.</param>
    /// <param name="goal">Ends the search: share of a ball's last batch that the model sends to the class.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>What the first ball with that success gave, or the largest ball.</returns>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public SharedPerturbation Grow(int target, int index, double goal = 0.9, CancellationToken cancellation = default)
    {
        var scale = Math.Sqrt((double)clean.SampleLength / ReferenceLength);
        var random = RandomStream.Create(seed, Stream, index);
        var others = Others(target);
        var found = new SharedPerturbation(Direction(random, StartShare * SmallestRadius * scale), 0);
        for (var radius = SmallestRadius; radius <= LargestRadius && found.Success < goal; radius *= Growth)
        {
            found = Descend(found.Values, target, others, radius * scale, LevelSteps, LevelDecay, random, cancellation);
        }

        return found;
    }

    /// <summary>Searches in one ball.</summary>
    /// <param name="target">The class to lead to.</param>
    /// <param name="radius">Largest L2 norm of the perturbation.</param>
    /// <param name="index">Tells the searches of one seed apart.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <exception cref="DataSetException">No clean sample is of another class.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public SharedPerturbation Within(int target, double radius, int index, CancellationToken cancellation = default)
    {
        var random = RandomStream.Create(seed, Stream, index);
        return Descend(Direction(random, StartShare * radius), target, Others(target), radius, FixedSteps, FixedDecay, random, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();

    private SharedPerturbation Descend(
        float[] start, int target, int[] others, double radius, int steps, double decay, Random random, CancellationToken cancellation)
    {
        var perturbation = (float[])start.Clone();
        var success = 0.0;
        for (var step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            Draw(others, random);
            (var gradient, success) = gradients.Compute(batch, target, perturbation, cancellation);
            var length = radius * StepShare * (1 - (decay * step / steps));
            TensorPrimitives.MultiplyAdd(gradient, (float)(-length / (SharedPerturbation.NormOf(gradient) + SmallestNorm)), perturbation, perturbation);
            var norm = SharedPerturbation.NormOf(perturbation);
            if (!double.IsFinite(norm))
                throw new UlrlException($"the gradient of the model by samples of {clean.Source} is not finite; check the normalisation of the samples.");
            if (norm > radius) TensorPrimitives.Multiply(perturbation, (float)(radius / norm), perturbation);
        }

        return new SharedPerturbation(perturbation, success);
    }

    private void Draw(int[] others, Random random)
    {
        for (var start = 0; start < batch.Length; start += clean.SampleLength)
        {
            clean.Sample(others[random.Next(others.Length)]).CopyTo(batch.AsSpan(start));
        }
    }

    private int[] Others(int target)
    {
        int[] others = [.. Enumerable.Range(0, clean.Count).Where(i => clean.Labels[i] != target)];
        return others.Length > 0
            ? others
            : throw new DataSetException($"{clean.Source}: all samples are of class {target}; give clean samples of other classes too.");
    }

    // Uniform on the sphere: normal numbers by Box and Muller's transform.
    private float[] Direction(Random random, double norm)
    {
        var values = new float[clean.SampleLength];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        TensorPrimitives.Multiply(values, (float)(norm / SharedPerturbation.NormOf(values)), values);
        return values;
    }
}
