using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Efficacy.Methods;

/// <summary>A purification with the settings of a preset.</summary>
/// <param name="preset">The preset.</param>
internal sealed class PresetMethod(PurificationPreset preset) : IMethod
{
    private readonly PurificationOptions options = PurificationOptions.Preset(preset) with { Device = Device.Cpu };

    public string Name => preset.ToString();

    public string Settings => options.ToString();

    public MethodResult Purify(OnnxModel model, LabeledSamples clean, int seed, int threads, CancellationToken cancellation)
    {
        var result = Purifier.Purify(model, clean, options with { Seed = seed, Threads = threads }, cancellation: cancellation);
        return new MethodResult(result.Model, result.Report.SuspiciousNeurons, result.Report.Detection.Confidence);
    }
}
