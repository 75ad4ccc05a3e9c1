using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Runtime;

/// <summary>
/// What computes the training steps. Every engine reads the same canonical ONNX graph and takes the same steps, up to rounding.
/// </summary>
public abstract class TrainingEngine
{
    internal TrainingEngine()
    {
    }

    /// <summary>ONNX Runtime: the gradient of the graph is a graph again, which an ordinary session runs. The default.</summary>
    public static TrainingEngine OnnxRuntime { get; } = new OnnxRuntimeEngine();

    /// <summary>
    /// ONNX Runtime, and libtorch (<c>Ulrl.TorchSharp</c>) where only that is there with CUDA and the device is not the CPU. On the CPU ONNX Runtime
    /// was measured to take less time and memory (docs/benchmarks.md); the choice does not depend on the model, so that runs can be repeated.
    /// </summary>
    public static TrainingEngine Auto { get; } = new AutoEngine();

    /// <summary>Reads <c>onnxruntime</c>, <c>torchsharp</c> or <c>auto</c>.</summary>
    /// <exception cref="UlrlException">The text is none of these, or the application does not have that engine.</exception>
    public static TrainingEngine Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.ToUpperInvariant() switch
        {
            "ONNXRUNTIME" => OnnxRuntime,
            "AUTO" => Auto,
            "TORCHSHARP" => TorchSharpAssembly.FindEngine() ?? throw new UlrlException(
                "the engine torchsharp is not in this application; reference Ulrl.TorchSharp and a package with libtorch, such as TorchSharp-cpu, or build the tool with -p:UlrlEngine=torchsharp."),
            _ => throw new UlrlException($"'{text}' is not an engine; give onnxruntime, torchsharp or auto."),
        };
    }

    /// <summary>The engine's name, as <c>--engine</c> takes it.</summary>
    public abstract string Name { get; }

    /// <summary>The engine's name.</summary>
    public sealed override string ToString() => Name;

    /// <summary>Settles <see cref="DeviceKind.Auto"/> and checks that a CUDA device can be used.</summary>
    /// <param name="device">The device asked for.</param>
    /// <param name="notice">Told in one line why <c>auto</c> took the CPU.</param>
    /// <exception cref="DeviceException">CUDA was asked for and cannot be used.</exception>
    internal abstract Device Resolve(Device device, Action<string>? notice);

    /// <summary>Why the engine cannot use a CUDA device; null where it can.</summary>
    internal abstract string? CudaProblem(int index);

    /// <summary>The engine that computes on a device: itself, unless it stands for a choice.</summary>
    internal virtual TrainingEngine Settle(Device device) => this;

    /// <summary>Opens a session that takes SGD steps.</summary>
    /// <exception cref="UnsupportedOperatorException">The engine cannot compute an operator of the network or of the objective.</exception>
    internal abstract ITrainingSession Open(TrainingSetup setup, SgdOptions sgd);

    /// <summary>Computes loss, logits and gradients of one batch.</summary>
    /// <param name="setup">The network and its objective.</param>
    /// <param name="values">The batch, sample after sample.</param>
    /// <param name="labels">Its labels.</param>
    /// <exception cref="UnsupportedOperatorException">The engine cannot compute an operator of the network or of the objective.</exception>
    internal abstract GradientResult Gradients(TrainingSetup setup, float[] values, long[] labels);
}
