namespace Ulrl.Training.Runtime;

/// <summary>Kinds of device.</summary>
public enum DeviceKind
{
    /// <summary>CUDA where there is a provider and a device, otherwise the CPU.</summary>
    Auto,

    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>An NVIDIA device by ONNX Runtime's CUDA provider.</summary>
    Cuda,
}
