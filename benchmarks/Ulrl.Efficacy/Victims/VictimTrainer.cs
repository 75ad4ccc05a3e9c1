using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Efficacy.Victims;

/// <summary>Trains a classifier by descending the cross-entropy, on the engine and with the epochs of a purification.</summary>
internal static class VictimTrainer
{
    private const int OrderStream = 32;
    private const int AugmentationStream = 33;

    /// <summary>Trains a copy of a model.</summary>
    /// <param name="model">The starting point.</param>
    /// <param name="samples">Samples as the model reads them.</param>
    /// <param name="plan">Epochs, learning rate, seed.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="epochDone">Told after every epoch.</param>
    /// <param name="cancellation">Stops between steps.</param>
    public static OnnxModel Train(
        OnnxModel model, LabeledSamples samples, TrainingPlan plan, int threads, Action<EpochReport> epochDone, CancellationToken cancellation)
    {
        var forward = ForwardGraph.Create(model);
        var options = new TrainingGraphOptions { Objective = new CrossEntropy() };
        var setup = new TrainingSetup(forward, Prober.Run(forward, samples.SampleShape), samples.SampleShape, options, Device.Cpu, threads);
        using var session = TrainingEngine.OnnxRuntime.Open(setup, new SgdOptions(TrainingPlan.Momentum, TrainingPlan.WeightDecay, null));
        var augmentation = plan.Augments ? new Augmentation(samples.SampleShape, samples.Normalization) : null;
        var loader = new BatchLoader(samples, augmentation, TrainingPlan.BatchSize, plan.Seed, AugmentationStream);
        var sampler = BatchSampler.Shuffled(samples.Count, TrainingPlan.BatchSize, RandomStream.Create(plan.Seed, OrderStream, 0).Next());
        float Rate(int epoch) => (float)(0.5 * plan.LearningRate * (1 + Math.Cos(Math.PI * epoch / plan.Epochs)));
        var runner = new PhaseRunner(PurificationPhase.Relearning, samples, loader, null, epochDone);
        runner.Run(session, sampler, plan.Epochs, Rate, _ => false, cancellation);
        return ParameterWriter.Write(model, forward, session.ReadState());
    }
}
