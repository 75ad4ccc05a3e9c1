using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Efficacy;

/// <summary>
/// Gradients of one network at any values of its parameters, batch after batch: for descents that a <see cref="TrainingSession"/>'s step
/// does not describe.
/// </summary>
internal sealed class GradientSession : IDisposable
{
    private readonly ForwardGraph forward;
    private readonly TrainingGraph graph;
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly string[] outputs;
    private readonly long[] sampleShape;

    /// <summary>Opens a session on the CPU.</summary>
    /// <param name="model">The network; its initializers are the starting values.</param>
    /// <param name="sampleShape">Dimensions of one sample.</param>
    /// <param name="options">Objective, mode and which parameters get gradients.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    public GradientSession(OnnxModel model, IReadOnlyList<int> sampleShape, TrainingGraphOptions options, int threads)
    {
        this.sampleShape = [.. sampleShape.Select(d => (long)d)];
        forward = ForwardGraph.Create(model);
        graph = TrainingGraph.GradientsOnly(forward, Prober.Run(forward, sampleShape), options);
        session = OrtSessions.Open(graph.Model.ToBytes(), Device.Cpu, threads);
        outputs = [TrainingGraph.Loss, .. graph.Parameters.Select(TrainingGraph.Gradient), .. graph.State.Select(t => t.Output)];
        Values = graph.Parameters.Concat(graph.State.Select(t => t.Input)).ToDictionary(n => n, n => TensorData.ReadFloats(forward.Initializers[n]), StringComparer.Ordinal);
    }

    /// <summary>Parameters with gradients.</summary>
    public IReadOnlyList<string> Parameters => graph.Parameters;

    /// <summary>The current values of parameters and running statistics, which a caller may change in place.</summary>
    public IReadOnlyDictionary<string, float[]> Values { get; }

    /// <summary>Loss and gradients of a batch at the current values.</summary>
    /// <param name="values">The batch, sample after sample.</param>
    /// <param name="labels">Its labels.</param>
    /// <param name="updateStatistics">Whether the running statistics take the batch's in.</param>
    public (float Loss, IReadOnlyDictionary<string, float[]> Gradients) Compute(Memory<float> values, Memory<long> labels, bool updateStatistics)
    {
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        try
        {
            inputs[forward.Io.InputName] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, [labels.Length, .. sampleShape]);
            inputs[TrainingGraph.Labels] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, labels, [labels.Length]);
            foreach (var (name, current) in Values) inputs[name] = OrtValue.CreateTensorValueFromMemory(current, [.. forward.Initializers[name].Dims]);
            using var results = session.Run(runOptions, inputs, outputs);
            var gradients = new Dictionary<string, float[]>(StringComparer.Ordinal);
            for (var i = 0; i < graph.Parameters.Count; i++) gradients[graph.Parameters[i]] = results[1 + i].GetTensorDataAsSpan<float>().ToArray();
            for (var i = 0; updateStatistics && i < graph.State.Count; i++)
                results[1 + graph.Parameters.Count + i].GetTensorDataAsSpan<float>().CopyTo(Values[graph.State[i].Input]);
            return (results[0].GetTensorDataAsSpan<float>()[0], gradients);
        }
        finally
        {
            foreach (var value in inputs.Values) value.Dispose();
        }
    }

    /// <summary>The model with the current values.</summary>
    public OnnxModel ToModel(OnnxModel model) => Ulrl.Training.Purification.ParameterWriter.Write(model, forward, Values);

    /// <inheritdoc/>
    public void Dispose()
    {
        runOptions.Dispose();
        session.Dispose();
    }
}
