using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Runtime;

/// <summary>Forward pass, loss, backward pass and SGD step as one ONNX graph in an ordinary ONNX Runtime session.</summary>
internal sealed class OnnxRuntimeEngine : TrainingEngine
{
    public override string Name => "onnxruntime";

    internal override Device Resolve(Device device, Action<string>? notice) => OrtSessions.Resolve(device, notice);

    internal override string? CudaProblem(int index) => OrtSessions.CudaProblem(index);

    internal override ITrainingSession Open(TrainingSetup setup, SgdOptions sgd)
    {
        var graph = TrainingGraph.Step(setup.Forward, setup.Probe, GraphOptions(setup), sgd);
        return new TrainingSession(setup.Forward, graph, setup.SampleShape, setup.Device, setup.Threads);
    }

    internal override GradientResult Gradients(TrainingSetup setup, float[] values, long[] labels)
    {
        var forward = setup.Forward;
        var graph = TrainingGraph.GradientsOnly(forward, setup.Probe, GraphOptions(setup));
        using var session = OrtSessions.Open(graph.Model.ToBytes(), setup.Device, setup.Threads);
        using var batch = OrtValue.CreateTensorValueFromMemory(values, [labels.Length, .. setup.SampleShape.Select(d => (long)d)]);
        using var answers = OrtValue.CreateTensorValueFromMemory(labels, [labels.Length]);
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal) { [forward.Io.InputName] = batch, [TrainingGraph.Labels] = answers };
        if (session.InputNames.Contains(GivenModel.Values)) inputs[GivenModel.Values] = batch;
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
            return new GradientResult(results[0].GetTensorDataAsSpan<float>()[0], logits, logits.Length / labels.Length, gradients);
        }
        finally
        {
            owned.ForEach(v => v.Dispose());
        }
    }

    private static TrainingGraphOptions GraphOptions(TrainingSetup setup) =>
        setup.Options with { Portable = setup.Options.Portable || setup.Device.Kind == DeviceKind.Cuda };
}
