using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Runtime;

/// <summary>
/// Trains a network by a <see cref="TrainingGraph"/> in an ordinary ONNX Runtime session. Parameters, momenta and
/// running statistics live in buffers on the device that swap roles between steps; per step only the batch, the
/// learning rate and three scalars cross.
/// </summary>
internal sealed class TrainingSession : ITrainingSession
{
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly ForwardGraph forward;
    private readonly TrainingGraph graph;
    private readonly StateBuffers state;
    private readonly string inputName;
    private readonly bool readsGiven;
    private readonly long[] sampleShape;
    private readonly float[] scalars = new float[4];
    private readonly OrtValue[] scalarValues;

    /// <summary>Opens a session.</summary>
    /// <param name="forward">The network; its initializers are the starting state.</param>
    /// <param name="graph">The training graph of it.</param>
    /// <param name="sampleShape">Dimensions of one sample.</param>
    /// <param name="device">A settled device.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    public TrainingSession(ForwardGraph forward, TrainingGraph graph, IReadOnlyList<int> sampleShape, Device device, int threads)
    {
        this.graph = graph;
        inputName = forward.Io.InputName;
        this.sampleShape = [.. sampleShape.Select(d => (long)d)];
        session = OrtSessions.Open(graph.Model.ToBytes(), device, threads);
        readsGiven = session.InputNames.Contains(GivenModel.Values);
        state = new StateBuffers(session, device, graph.State);
        this.forward = forward;
        Reset();
        scalarValues = [.. Enumerable.Range(0, scalars.Length).Select(i => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, scalars.AsMemory(i, 1), []))];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Parameters => graph.Parameters;

    /// <inheritdoc/>
    public void Reset(IReadOnlyDictionary<string, float[]>? replaced = null) => state.Reset((name, values) =>
    {
        if (replaced?.GetValueOrDefault(name) is { } given) given.CopyTo(values);
        else TensorData.CopyFloats(forward.Initializers[name], values);
    });

    /// <inheritdoc/>
    public StepResult Step(Memory<float> values, Memory<long> labels, float learningRate, Memory<float> given = default, CancellationToken cancellation = default)
    {
        long[] shape = [labels.Length, .. sampleShape];
        scalars[0] = learningRate;
        using var batch = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape);
        using var givenBatch = readsGiven ? OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, given.IsEmpty ? values : given, shape) : null;
        using var answers = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, labels, [labels.Length]);
        using var binding = session.CreateIoBinding();
        binding.BindInput(inputName, batch);
        if (givenBatch is not null) binding.BindInput(GivenModel.Values, givenBatch);
        binding.BindInput(TrainingGraph.Labels, answers);
        binding.BindInput(TrainingGraph.LearningRate, scalarValues[0]);
        binding.BindOutput(TrainingGraph.Loss, scalarValues[1]);
        binding.BindOutput(TrainingGraph.CrossEntropyLoss, scalarValues[2]);
        binding.BindOutput(TrainingGraph.Correct, scalarValues[3]);
        state.Bind(binding);
        Run(binding, cancellation);
        state.Swap();
        return new StepResult(scalars[1], scalars[2], (int)scalars[3], StepResult.Labelled(labels.Span));
    }

    private void Run(OrtIoBinding binding, CancellationToken cancellation)
    {
        using var registration = cancellation.Register(() => runOptions.Terminate = true);
        try
        {
            session.RunWithBinding(runOptions, binding);
            binding.SynchronizeBoundOutputs();
        }
        catch (OnnxRuntimeException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    /// <inheritdoc/>
    public void Shift(IReadOnlyDictionary<string, float[]> direction, float factor) => state.Change((name, values) =>
    {
        if (direction.GetValueOrDefault(name) is { } by) TensorPrimitives.MultiplyAdd(by, factor, values, values);
    });

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, float[]> ReadState() => state.Read(graph.State.Where(t => t.Kind != StateKind.Momentum));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in scalarValues) value.Dispose();
        state.Dispose();
        runOptions.Dispose();
        session.Dispose();
    }
}
