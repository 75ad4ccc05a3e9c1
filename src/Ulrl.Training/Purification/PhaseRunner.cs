using System.Diagnostics;
using Ulrl.Training.Data;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>Runs the epochs of one phase on a training session.</summary>
internal sealed class PhaseRunner
{
    private readonly PurificationPhase phase;
    private readonly LabeledSamples samples;
    private readonly IBatchSource batches;
    private readonly IProgress<PurificationProgress>? progress;
    private readonly Action<EpochReport>? epochDone;
    private readonly IReadOnlyDictionary<string, float[]>? displacement;

    /// <param name="phase">The phase.</param>
    /// <param name="samples">What errors name.</param>
    /// <param name="batches">Makes the batches.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="epochDone">Called after every epoch.</param>
    /// <param name="displacement">A direction of the parameters, along which batches may ask to be taken; null for none.</param>
    public PhaseRunner(
        PurificationPhase phase,
        LabeledSamples samples,
        IBatchSource batches,
        IProgress<PurificationProgress>? progress,
        Action<EpochReport>? epochDone,
        IReadOnlyDictionary<string, float[]>? displacement = null)
    {
        this.phase = phase;
        this.samples = samples;
        this.batches = batches;
        this.progress = progress;
        this.epochDone = epochDone;
        this.displacement = displacement;
    }

    /// <param name="session">The session to train.</param>
    /// <param name="sampler">Batch order.</param>
    /// <param name="epochs">Most epochs.</param>
    /// <param name="rate">Learning rate of an epoch, counted from 0.</param>
    /// <param name="isDone">Whether an epoch of this accuracy is the last.</param>
    /// <param name="cancellation">Ends the run between steps.</param>
    public PhaseReport Run(
        ITrainingSession session, BatchSampler sampler, int epochs, Func<int, float> rate, Func<double, bool> isDone, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var reports = new List<EpochReport>();
        var steps = epochs * sampler.BatchCount();
        var step = 0;
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            batches.StartEpoch(epoch);
            var learningRate = rate(epoch);
            var losses = new List<float>();
            var crossEntropies = new List<float>();
            var (correct, seen) = (0, 0);
            foreach (var batch in sampler.Batches(epoch))
            {
                cancellation.ThrowIfCancellationRequested();
                var result = Step(session, batches.Load(batch.Span), learningRate, cancellation);
                if (!float.IsFinite(result.Loss)) throw Diverged(epoch);
                losses.Add(result.Loss);
                crossEntropies.Add(result.CrossEntropy);
                correct += result.Correct;
                seen += result.Count;
                step++;
                var remaining = watch.Elapsed * (double)(steps - step) / step;
                progress?.Report(new PurificationProgress(phase, epoch + 1, epochs, step, steps, result.Loss, Accuracy(correct, seen), remaining));
            }

            var accuracy = Accuracy(correct, seen);
            var report = new EpochReport(epoch + 1, learningRate, accuracy, losses, crossEntropies);
            reports.Add(report);
            epochDone?.Invoke(report);
            if (isDone(accuracy)) break;
        }

        return new PhaseReport(reports, watch.Elapsed.TotalSeconds);
    }

    // The gradient is taken at the displaced weights and moves the others, as that of sharpness-aware minimisation does.
    private StepResult Step(ITrainingSession session, TrainingBatch batch, float learningRate, CancellationToken cancellation)
    {
        var moves = displacement is not null && batch.Displacement != 0f;
        if (moves) session.Shift(displacement!, batch.Displacement);
        var result = session.Step(batch.Values, batch.Labels, learningRate, batch.Given, cancellation);
        if (moves) session.Shift(displacement!, -batch.Displacement);
        return result;
    }

    // No sample had a label yet.
    private static double Accuracy(int correct, int seen) => seen == 0 ? 0 : (double)correct / seen;

    private UlrlException Diverged(int epoch) => new(
        $"{phase} diverged in epoch {epoch + 1}: the loss on {samples.Source} is not finite; lower its learning rate or check the normalisation of the samples.");
}
