using Microsoft.ML.OnnxRuntime;

namespace Ulrl.Training.Runtime;

/// <summary>Opens ONNX Runtime sessions on a device.</summary>
internal static class OrtSessions
{
    /// <summary>Settles <see cref="DeviceKind.Auto"/> and checks that a CUDA device can be used.</summary>
    /// <param name="device">The device asked for.</param>
    /// <param name="notice">Told in one line why <c>auto</c> took the CPU.</param>
    /// <exception cref="DeviceException">CUDA was asked for and cannot be used.</exception>
    public static Device Resolve(Device device, Action<string>? notice) => device.Settle(CudaProblem, notice);

    /// <summary>Opens a session.</summary>
    /// <param name="model">Serialised model.</param>
    /// <param name="device">A settled device.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="optimise">Whether the runtime may rewrite the graph; off for graphs that run once.</param>
    public static InferenceSession Open(byte[] model, Device device, int threads, bool optimise = true)
    {
        using var options = new SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,

            // A pattern is one block for all tensors of a run, twice what lives at any time of a training step.
            EnableMemoryPattern = false,
            GraphOptimizationLevel = optimise ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
        };
        if (device.Kind == DeviceKind.Cuda) options.AppendExecutionProvider_CUDA(device.Index);
        return new InferenceSession(model, options);
    }

    /// <summary>Why a CUDA device cannot be used; null where it can.</summary>
    public static string? CudaProblem(int index)
    {
        if (!OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"))
        {
            return "the ONNX Runtime in this application has no CUDA provider; build with UlrlDevice=cuda (package Microsoft.ML.OnnxRuntime.Gpu).";
        }

        try
        {
            using var options = new SessionOptions();
            options.AppendExecutionProvider_CUDA(index);
            return null;
        }
        catch (OnnxRuntimeException e)
        {
            return $"the CUDA provider or device cannot be opened; check the NVIDIA driver, CUDA and cuDNN ({FirstLine(e.Message)}).";
        }
    }

    internal static string FirstLine(string message)
    {
        var end = message.IndexOf('\n', StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).Trim();
    }
}
