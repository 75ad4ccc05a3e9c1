using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Runtime;

/// <summary>Chooses between the engines by the device; see <see cref="TrainingEngine.Auto"/>.</summary>
internal sealed class AutoEngine : TrainingEngine
{
    public override string Name => "auto";

    internal override TrainingEngine Settle(Device device)
    {
        if (device.Kind == DeviceKind.Cpu || OnnxRuntime.CudaProblem(device.Index) is null) return OnnxRuntime;
        return TorchSharpAssembly.FindEngine() is { } second && second.CudaProblem(device.Index) is null ? second : OnnxRuntime;
    }

    internal override Device Resolve(Device device, Action<string>? notice) => Settle(device).Resolve(device, notice);

    internal override string? CudaProblem(int index) => Settle(new Device(DeviceKind.Cuda, index)).CudaProblem(index);

    internal override ITrainingSession Open(TrainingSetup setup, SgdOptions sgd) => Settle(setup.Device).Open(setup, sgd);

    internal override GradientResult Gradients(TrainingSetup setup, float[] values, long[] labels) => Settle(setup.Device).Gradients(setup, values, labels);
}
