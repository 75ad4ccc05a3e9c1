using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Methods;

/// <summary>
/// Epochs of SGD over augmented clean samples (crop after padding by 4, flip), the learning rate annealed to 0 by a cosine: what the
/// baselines have in common.
/// </summary>
internal sealed class FineTuning
{
    private const int OrderStream = 51;
    private const int AugmentationStream = 52;
    private const float Momentum = 0.9f;

    /// <summary>Epochs.</summary>
    public required int Epochs { get; init; }

    /// <summary>Samples of a batch; the last one of an epoch may be smaller.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Learning rate of the first epoch.</summary>
    public required float LearningRate { get; init; }

    /// <summary>Weight decay.</summary>
    public required float WeightDecay { get; init; }

    /// <summary>Runs the epochs.</summary>
    /// <param name="session">The network in train mode; its values change.</param>
    /// <param name="clean">Clean samples as the model reads them.</param>
    /// <param name="seed">Seed of order and augmentation.</param>
    /// <param name="gradients">The gradients that a batch's step descends along, given the batch.</param>
    /// <param name="stepDone">Called after every step.</param>
    /// <param name="cancellation">Stops between steps.</param>
    public void Run(
        GradientSession session,
        LabeledSamples clean,
        int seed,
        Func<Memory<float>, Memory<long>, IReadOnlyDictionary<string, float[]>> gradients,
        Action stepDone,
        CancellationToken cancellation)
    {
        var sampler = BatchSampler.Shuffled(clean.Count, BatchSize, RandomStream.Create(seed, OrderStream, 0).Next());
        var loader = new Ulrl.Training.Purification.BatchLoader(
            clean, new Augmentation(clean.SampleShape, clean.Normalization), Math.Min(BatchSize, clean.Count), seed, AugmentationStream);
        var momenta = session.Parameters.ToDictionary(name => name, name => new float[session.Values[name].Length], StringComparer.Ordinal);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            loader.StartEpoch(epoch);
            var rate = (float)(0.5 * LearningRate * (1 + Math.Cos(Math.PI * epoch / Epochs)));
            foreach (var batch in sampler.Batches(epoch))
            {
                cancellation.ThrowIfCancellationRequested();
                var loaded = loader.Load(batch.Span);
                foreach (var (name, gradient) in gradients(loaded.Values, loaded.Labels)) Step(session.Values[name], momenta[name], gradient, rate);
                stepDone();
            }
        }
    }

    /// <summary>Opens a network in train mode.</summary>
    public static GradientSession Open(OnnxModel model, LabeledSamples clean, IObjective objective, int threads) =>
        new(model, clean.SampleShape, new TrainingGraphOptions { Objective = objective, Mode = NetworkMode.Train }, threads);

    private void Step(float[] values, float[] momentum, float[] gradient, float rate)
    {
        for (var i = 0; i < values.Length; i++)
        {
            momentum[i] = (Momentum * momentum[i]) + gradient[i] + (WeightDecay * values[i]);
            values[i] -= rate * momentum[i];
            if (!float.IsFinite(values[i])) throw new UlrlException("the fine-tuning diverged: a weight is not finite.");
        }
    }
}
