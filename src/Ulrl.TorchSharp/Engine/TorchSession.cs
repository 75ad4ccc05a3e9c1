using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;

namespace Ulrl.TorchSharp.Engine;

/// <summary>Trains a network with libtorch's autograd and its SGD. Parameters, momenta and running statistics stay on the device.</summary>
internal sealed class TorchSession : ITrainingSession
{
    private readonly TrainingSetup setup;
    private readonly SgdOptions sgd;
    private readonly torch.Device device;
    private readonly TorchState state;
    private readonly TorchProgram program;
    private SGD optimizer;

    public TorchSession(TrainingSetup setup, SgdOptions sgd)
    {
        this.setup = setup;
        this.sgd = sgd;
        device = TorchSharpEngine.DeviceOf(setup.Device);
        state = new TorchState(setup, device);
        program = TorchProgram.Create(setup, state, device);
        Parameters = [.. state.Parameters.Keys];
        optimizer = Optimizer();
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Parameters { get; }

    /// <inheritdoc/>
    public void Reset(IReadOnlyDictionary<string, float[]>? replaced = null)
    {
        optimizer.zero_grad();
        optimizer.Dispose();
        state.Load(replaced);
        program.Restart();
        optimizer = Optimizer();
    }

    /// <inheritdoc/>
    public StepResult Step(Memory<float> values, Memory<long> labels, float learningRate, Memory<float> given = default, CancellationToken cancellation = default)
    {
        using var threads = new ThreadCount(setup.Threads);
        using var scope = torch.NewDisposeScope();
        long[] shape = [labels.Length, .. setup.SampleShape.Select(d => (long)d)];
        var batch = torch.tensor(values, shape, device: device);
        var givenBatch = given.IsEmpty ? batch : torch.tensor(given, shape, device: device);
        var answers = torch.tensor(labels, [labels.Length], device: device);
        var outputs = program.Run(state.All, batch, givenBatch, answers, setup.Forward.Logits, cancellation);
        outputs.Differentiate();
        cancellation.ThrowIfCancellationRequested();
        Freeze();
        if (sgd.ClipNorm is { } clip) torch.nn.utils.clip_grad_norm_(state.Parameters.Values, clip);
        foreach (var group in optimizer.ParamGroups) group.LearningRate = learningRate;
        optimizer.step();
        optimizer.zero_grad();
        return new StepResult(outputs.Loss.item<float>(), outputs.CrossEntropy.item<float>(), (int)outputs.Correct.item<float>(), StepResult.Labelled(labels.Span));
    }

    /// <inheritdoc/>
    public void Shift(IReadOnlyDictionary<string, float[]> direction, float factor) => state.Shift(direction, factor);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, float[]> ReadState() => state.Read();

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        program.Dispose();
        state.Dispose();
    }

    private void Freeze()
    {
        if (setup.Options.Frozen is not { } frozen || state.Parameters.GetValueOrDefault(frozen.Weight)?.grad is not { } gradient) return;
        var (mask, shape) = frozen.Mask(gradient.shape);
        gradient.mul_(torch.tensor(mask, shape, device: device));
    }

    private SGD Optimizer() => torch.optim.SGD(state.Parameters.Values, 0, sgd.Momentum, weight_decay: sgd.WeightDecay);
}
