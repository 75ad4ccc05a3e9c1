using Microsoft.ML;
using Microsoft.ML.Data;
using Ulrl.Training.Data;
using Ulrl.Training.Purification;

namespace Ulrl.MLNet.Tests;

/// <summary>The bundled backdoored classifier and its data, as ML.NET data.</summary>
internal static class Example
{
    public const int SampleLength = 3 * 32 * 32;

    public static readonly string[] ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    public static string ModelFile { get; } = PathOf("preact_badnet_t0.onnx");

    /// <summary>Clean training samples, in [0, 1].</summary>
    public static LabeledSamples CleanPixels { get; } = DataSetReader.Read(PathOf("clean500.npz"));

    /// <summary>Clean training samples as the model reads them.</summary>
    public static LabeledSamples Clean { get; } = CleanPixels.Normalize(ChannelNormalization.Cifar10);

    /// <summary>Test samples as the model reads them.</summary>
    public static LabeledSamples Test { get; } = DataSetReader.Read(PathOf("test1000.npz")).Normalize(ChannelNormalization.Cifar10);

    /// <summary>Settings for tests of everything but the purification: one epoch of each phase.</summary>
    public static PurificationOptions Quick { get; } = new() { UnlearningEpochs = 1, RelearningEpochs = 1, BatchSize = 50, CropPadding = 0, HorizontalFlip = false };

    public static PurifyBackdoorEstimator.Options QuickOptions(Action<PurifyBackdoorEstimator.Options>? change = null)
    {
        var options = new PurifyBackdoorEstimator.Options { ModelFile = ModelFile, Seed = 1, Purification = Quick };
        change?.Invoke(options);
        return options;
    }

    public static IDataView View(MLContext context, LabeledSamples samples) => context.Data.LoadFromEnumerable(Rows(samples));

    public static Row[] Rows(LabeledSamples samples) =>
        [.. Enumerable.Range(0, samples.Count).Select(i => new Row { Features = samples.Sample(i).ToArray(), Label = samples.Labels[i] })];

    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "TestData", file);

    internal sealed class Row
    {
        [VectorType(3, 32, 32)]
        public float[] Features { get; set; } = [];

        public int Label { get; set; }
    }
}
