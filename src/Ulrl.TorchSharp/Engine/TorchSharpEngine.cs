using System.Globalization;
using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;

namespace Ulrl.TorchSharp.Engine;

/// <summary>
/// Trains ONNX graphs with libtorch: the same canonical graph as ONNX Runtime's engine reads, operator by operator, differentiated by autograd
/// (<c>torch.autograd</c>), with <c>torch.nn.utils.clip_grad_norm_</c> and <c>torch.optim.SGD</c>. The application references libtorch
/// itself: package <c>TorchSharp-cpu</c>, or <c>TorchSharp-cuda-linux</c> or <c>-windows</c>.
/// </summary>
public sealed class TorchSharpEngine : TrainingEngine
{
    private TorchSharpEngine()
    {
    }

    /// <summary>The engine.</summary>
    public static TorchSharpEngine Instance { get; } = new();

    /// <inheritdoc/>
    public override string Name => "torchsharp";

    internal override Device Resolve(Device device, Action<string>? notice) =>
        LibtorchProblem() is { } problem ? throw new DeviceException(problem) : device.Settle(CudaProblem, notice);

    internal override string? CudaProblem(int index)
    {
        if (LibtorchProblem() is { } problem) return problem;
        if (!torch.cuda.is_available())
        {
            return "the libtorch in this application has no CUDA, or there is no NVIDIA device; reference TorchSharp-cuda-linux or TorchSharp-cuda-windows and check the NVIDIA driver.";
        }

        var count = torch.cuda.device_count();
        return index < count ? null : string.Create(CultureInfo.InvariantCulture, $"libtorch sees {count} CUDA device{(count == 1 ? "" : "s")}, numbered from 0.");
    }

    internal override ITrainingSession Open(TrainingSetup setup, SgdOptions sgd) => new TorchSession(setup, sgd);

    internal override GradientResult Gradients(TrainingSetup setup, float[] values, long[] labels)
    {
        using var threads = new ThreadCount(setup.Threads);
        using var scope = torch.NewDisposeScope();
        var device = DeviceOf(setup.Device);
        using var state = new TorchState(setup, device);
        using var program = TorchProgram.Create(setup, state, device);
        var batch = torch.tensor(values, [labels.Length, .. setup.SampleShape.Select(d => (long)d)], device: device);
        var outputs = program.Run(state.All, batch, batch, torch.tensor(labels, device: device), setup.Forward.Logits, CancellationToken.None);
        outputs.Differentiate();
        var gradients = state.Parameters.ToDictionary(
            p => p.Key, p => (p.Value.shape, p.Value.grad is { } gradient ? TorchState.Values(gradient) : new float[p.Value.numel()]), StringComparer.Ordinal);
        return new GradientResult(outputs.Loss.item<float>(), TorchState.Values(outputs.Logits), (int)outputs.Logits.shape[1], gradients);
    }

    internal static torch.Device DeviceOf(Device device) => device.Kind == DeviceKind.Cuda ? torch.device(DeviceType.CUDA, device.Index) : torch.CPU;

    // TorchSharp looks for libtorch when it is first used.
    private static string? LibtorchProblem()
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
            return null;
        }
        catch (Exception e) when (e is TypeInitializationException or NotSupportedException or DllNotFoundException)
        {
            return "the engine torchsharp needs libtorch, which is not in this application; reference the package TorchSharp-cpu, TorchSharp-cuda-linux or TorchSharp-cuda-windows.";
        }
    }
}
