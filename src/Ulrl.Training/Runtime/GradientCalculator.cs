using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Runtime;

/// <summary>Computes the gradients of a classifier's cross-entropy, for checking against another framework or engine.</summary>
public static class GradientCalculator
{
    /// <summary>Gradient of the mean cross-entropy by every parameter of a model.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="values">Samples in the layout the model reads, one after the other.</param>
    /// <param name="sampleShape">Dimensions of one sample, without the batch.</param>
    /// <param name="labels">One label per sample.</param>
    /// <param name="mode">Whether batch-norm uses the batch's statistics or its running ones. Dropout is off in both.</param>
    /// <param name="device">Where to compute; the CPU by default.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="engine">What computes; ONNX Runtime by default.</param>
    /// <exception cref="UnsupportedOperatorException">An operator on the way has no gradient rule, or the engine cannot compute one.</exception>
    /// <exception cref="DataSetException">A label is no class of the model.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public static GradientResult Compute(
        OnnxModel model,
        float[] values,
        IReadOnlyList<int> sampleShape,
        IReadOnlyList<int> labels,
        NetworkMode mode,
        Device? device = null,
        int threads = 0,
        TrainingEngine? engine = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        engine ??= TrainingEngine.OnnxRuntime;
        var settled = engine.Resolve(device ?? Device.Cpu, null);
        var forward = ForwardGraph.Create(model);
        var probe = Prober.Run(forward, sampleShape);
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Mode = mode };
        CheckLabels(labels, probe.Shape(forward.Logits)[1].Size);
        return engine.Gradients(new TrainingSetup(forward, probe, sampleShape, options, settled, threads), values, [.. labels.Select(l => (long)l)]);
    }

    private static void CheckLabels(IReadOnlyList<int> labels, long classes)
    {
        for (var i = 0; i < labels.Count; i++)
        {
            if (labels[i] < 0 || labels[i] >= classes)
                throw new DataSetException($"sample {i} has label {labels[i]}, the model has {classes} classes; labels must be 0 to {classes - 1}.");
        }
    }
}
