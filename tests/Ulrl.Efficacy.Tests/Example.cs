using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Tests;

/// <summary>The bundled example.</summary>
internal static class Example
{
    public static string ModelPath => Path("preact_badnet_t0.onnx");

    public static OnnxModel Model => OnnxModel.Load(ModelPath);

    /// <summary>500 clean images, values from 0 to 1.</summary>
    public static LabeledSamples Images { get; } = DataSetReader.Read(Path("clean500.npz"));

    /// <summary>1000 clean test images, values from 0 to 1.</summary>
    public static LabeledSamples TestImages { get; } = DataSetReader.Read(Path("test1000.npz"));

    public static string TriggeredPath => Path("triggered.npz");

    private static string Path(string file) => System.IO.Path.Combine(AppContext.BaseDirectory, "TestData", file);
}
