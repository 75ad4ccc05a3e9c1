using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet.Tests;

public sealed class PipelineTests(FittedTransformer fitted) : IClassFixture<FittedTransformer>
{
    private readonly MLContext context = fitted.Context;

    [Fact]
    public void A_saved_transformer_is_loaded_with_the_same_schema_and_identical_scores()
    {
        var loaded = SaveAndLoad(fitted.Transformer, fitted.Test.Schema).Transform(fitted.Test);
        Assert.Equal(Describe(fitted.Scored.Schema), Describe(loaded.Schema));
        Assert.Equal(fitted.Scored.GetColumn<float[]>("Score"), loaded.GetColumn<float[]>("Score"));
        Assert.Equal(fitted.Scored.GetColumn<float[]>("Probability"), loaded.GetColumn<float[]>("Probability"));
        Assert.Equal(fitted.Scored.GetColumn<uint>("PredictedLabel"), loaded.GetColumn<uint>("PredictedLabel"));
        Assert.DoesNotContain("Ulrl", loaded.GetType().Assembly.FullName!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chain_with_estimators_before_and_after_trains_saves_and_loads()
    {
        var pixels = Example.View(context, Example.CleanPixels.Take(60));
        var chain = context.Transforms.Conversion.MapValueToKey("Class", "Label", keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue)
            .Append(context.Transforms.CopyColumns("Pixels", "Features"))
            .AppendCacheCheckpoint(context)
            .Append(context.Transforms.PurifyBackdoor(Example.QuickOptions(o =>
            {
                o.InputColumnName = "Pixels";
                o.LabelColumnName = "Class";
                o.PredictedLabelColumnName = "PredictedLabel";
                o.Normalization = Ulrl.Training.Data.ChannelNormalization.Cifar10;
            })))
            .Append(context.Transforms.Conversion.MapKeyToValue("Answer", "PredictedLabel"));
        var model = chain.Fit(pixels);
        var expected = model.Transform(pixels);
        var loaded = SaveAndLoad(model, pixels.Schema).Transform(pixels);
        Assert.Equal(Describe(expected.Schema), Describe(loaded.Schema));
        Assert.Equal(expected.GetColumn<float[]>("Score"), loaded.GetColumn<float[]>("Score"));
        Assert.Equal(expected.GetColumn<int>("Answer"), loaded.GetColumn<int>("Answer"));
        Assert.Equal(expected.GetColumn<float[]>("Score").Select(s => Array.IndexOf(s, s.Max())), expected.GetColumn<int>("Answer"));
        VBuffer<ReadOnlyMemory<char>> names = default;
        loaded.Schema["Score"].GetSlotNames(ref names);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => i.ToString(CultureInfo.InvariantCulture)), names.DenseValues().Select(n => n.ToString()));
        using var engine = context.Model.CreatePredictionEngine<Example.Row, ChainPrediction>(model);
        Assert.Equal(expected.GetColumn<int>("Answer").First(), engine.Predict(Example.Rows(Example.CleanPixels.Take(1))[0]).Answer);
    }

    [Fact]
    public void Loading_honours_the_device_of_the_loading_context()
    {
        using var file = Save(fitted.Transformer, fitted.Test.Schema);
        var elsewhere = new MLContext { GpuDeviceId = 99, FallbackToCpu = false };
        Assert.ThrowsAny<Exception>(() => elsewhere.Model.Load(file, out _));
    }

    internal static MemoryStream Save(ITransformer transformer, DataViewSchema schema)
    {
        var file = new MemoryStream();
        new MLContext().Model.Save(transformer, schema, file);
        file.Position = 0;
        return file;
    }

    private static ITransformer SaveAndLoad(ITransformer transformer, DataViewSchema schema)
    {
        using var file = Save(transformer, schema);
        return new MLContext().Model.Load(file, out _);
    }

    private static IEnumerable<string> Describe(DataViewSchema schema) => schema.Where(c => !c.IsHidden)
        .Select(c => $"{c.Name}: {c.Type} {string.Join(" ", c.Annotations.Schema.Select(a => a.ToString()))}");

    private sealed class ChainPrediction
    {
        public int Answer { get; set; }
    }
}
