using TorchSharp;
using Ulrl.TorchSharp.Engine;
using Ulrl.Training;
using Ulrl.Training.Runtime;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Engines by name, and which one <c>auto</c> takes.</summary>
public sealed class EngineChoiceTests
{
    [Fact]
    public void An_application_that_has_this_assembly_finds_its_engine_by_name() =>
        Assert.Same(TorchSharpEngine.Instance, TrainingEngine.Parse("TorchSharp"));

    [Fact]
    public void Auto_takes_ONNX_Runtime_on_the_CPU()
    {
        var auto = TrainingEngine.Parse("auto");

        Assert.Same(TrainingEngine.OnnxRuntime, auto.Settle(Device.Cpu));
        if (!torch.cuda.is_available()) Assert.Same(TrainingEngine.OnnxRuntime, auto.Settle(Device.Auto));
    }

    [Fact]
    public void Another_name_is_an_error()
    {
        var error = Assert.Throws<UlrlException>(() => TrainingEngine.Parse("caffe"));

        Assert.Contains("onnxruntime, torchsharp or auto", error.Message, StringComparison.Ordinal);
    }
}
