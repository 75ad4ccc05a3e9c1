using System.Diagnostics;
using Ulrl.Training.Data;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>Runs the epochs of one phase on a training session.</summary>
internal sealed class PhaseRunner
{
    private readonly PurificationPhase phase;
    private readonly LabeledSamples samples;
    private readonly BatchLoader loader;
    private readonly IProgress<PurificationProgress>? progress;
    private readonly Action<EpochReport>? epochDone;

    public PhaseRunner(
        PurificationPhase phase, LabeledSamples samples, BatchLoader loader, IProgress<PurificationProgress>? progress, Action<EpochReport>? epochDone)
    {
        this.phase = phase;
        this.samples = samples;
        this.loader = loader;
        this.progress = progress;
        this.epochDone = epochDone;
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
            loader.StartEpoch(epoch);
            var learningRate = rate(epoch);
            var losses = new List<float>();
            var crossEntropies = new List<float>();
            var (correct, seen) = (0, 0);
            foreach (var batch in sampler.Batches(epoch))
            {
                cancellation.ThrowIfCancellationRequested();
                var (values, labels) = loader.Load(batch.Span);
                var result = session.Step(values, labels, learningRate, cancellation: cancellation);
                if (!float.IsFinite(result.Loss)) throw Diverged(epoch);
                losses.Add(result.Loss);
                crossEntropies.Add(result.CrossEntropy);
                correct += result.Correct;
                seen += result.Count;
                step++;
                var remaining = watch.Elapsed * (double)(steps - step) / step;
                progress?.Report(new PurificationProgress(phase, epoch + 1, epochs, step, steps, result.Loss, (double)correct / seen, remaining));
            }

            var accuracy = (double)correct / seen;
            var report = new EpochReport(epoch + 1, learningRate, accuracy, losses, crossEntropies);
            reports.Add(report);
            epochDone?.Invoke(report);
            if (isDone(accuracy)) break;
        }

        return new PhaseReport(reports, watch.Elapsed.TotalSeconds);
    }

    private UlrlException Diverged(int epoch) => new(
        $"{phase} diverged in epoch {epoch + 1}: the loss on {samples.Source} is not finite; lower its learning rate or check the normalisation of the samples.");
}
