using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Purification;

/// <summary>The bundled backdoored model and its clean samples.</summary>
internal static class Example
{
    /// <summary>Settings for a run of a few steps.</summary>
    public static PurificationOptions Short { get; } = PurificationOptions.Published() with
    {
        UnlearningEpochs = 1,
        RelearningEpochs = 1,
        BatchSize = 32,
        Device = Device.Cpu,
    };

    public static OnnxModel Model() => OnnxModel.Load(TestFiles.Example("preact_badnet_t0.onnx"));

    public static LabeledSamples Read(string name) => DataSetReader.Read(TestFiles.Example(name)).Normalize(ChannelNormalization.Cifar10);

    public static LabeledSamples Clean(int count = 500) =>
        DataSetReader.Read(TestFiles.Example("clean500.npz")).Take(count).Normalize(ChannelNormalization.Cifar10);
}
