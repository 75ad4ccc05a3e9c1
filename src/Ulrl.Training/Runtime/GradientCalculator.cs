using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Runtime;

/// <summary>Computes the gradients of a classifier's cross-entropy, for checking against another framework.</summary>
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
    /// <exception cref="UnsupportedOperatorException">An operator on the way has no gradient rule.</exception>
    /// <exception cref="DataSetException">A label is no class of the model.</exception>
    public static GradientResult Compute(
        OnnxModel model, float[] values, IReadOnlyList<int> sampleShape, IReadOnlyList<int> labels, NetworkMode mode, Device? device = null, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        var settled = OrtSessions.Resolve(device ?? Device.Cpu, null);
        var forward = ForwardGraph.Create(model);
        var probe = Prober.Run(forward, sampleShape);
        var graph = TrainingGraph.GradientsOnly(forward, probe, new TrainingGraphOptions
        {
            Objective = new CrossEntropy(),
            Mode = mode,
            Portable = settled.Kind == DeviceKind.Cuda,
        });
        CheckLabels(labels, probe.Shape(forward.Logits)[1].Size);
        using var session = OrtSessions.Open(graph.Model.ToBytes(), settled, threads);
        using var batch = OrtValue.CreateTensorValueFromMemory(values, [labels.Count, .. sampleShape.Select(d => (long)d)]);
        using var answers = OrtValue.CreateTensorValueFromMemory(labels.Select(l => (long)l).ToArray(), [labels.Count]);
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal) { [forward.Io.InputName] = batch, [TrainingGraph.Labels] = answers };
        var owned = new List<OrtValue>();
        try
        {
            foreach (var name in session.InputNames.Where(n => !inputs.ContainsKey(n)))
            {
                var tensor = forward.Initializers[name];
                owned.Add(OrtValue.CreateTensorValueFromMemory(TensorData.ReadFloats(tensor), [.. tensor.Dims]));
                inputs[name] = owned[^1];
            }

            string[] outputs = [TrainingGraph.Loss, TrainingGraph.Logits, .. graph.Parameters.Select(TrainingGraph.Gradient)];
            using var options = new RunOptions();
            using var results = session.Run(options, inputs, outputs);
            var logits = results[1].GetTensorDataAsSpan<float>().ToArray();
            var gradients = graph.Parameters.Select((name, i) => (name, results[i + 2])).ToDictionary(
                p => p.name, p => (p.Item2.GetTensorTypeAndShape().Shape, p.Item2.GetTensorDataAsSpan<float>().ToArray()), StringComparer.Ordinal);
            return new GradientResult(results[0].GetTensorDataAsSpan<float>()[0], logits, logits.Length / labels.Count, gradients);
        }
        finally
        {
            owned.ForEach(v => v.Dispose());
        }
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
