// An ML.NET pipeline from image files to a purified classifier:
//   PurifyPipeline DATA-FOLDER OUTPUT-FOLDER
// DATA-FOLDER is examples/cifar10-badnet; its .npz images are written as PNG files first, as a user's own would lie there.
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Microsoft.ML.Transforms;
using PurifyPipeline;
using Ulrl.MLNet;
using Ulrl.Training.Data;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: PurifyPipeline DATA-FOLDER OUTPUT-FOLDER");
    return 2;
}

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string data = args[0], output = args[1];
Directory.CreateDirectory(output);
var model = Path.Combine(data, "preact_badnet_t0.onnx");

var mlContext = new MLContext(seed: 1);
mlContext.Log += (_, e) =>
{
    if (e.Kind >= ChannelMessageKind.Warning || (e.Kind == ChannelMessageKind.Info && e.Source.Contains("PurifyBackdoor", StringComparison.Ordinal))) Console.WriteLine("  " + e.RawMessage);
};

// 1. Load: image files and the names of their classes.
var clean = Load("clean500.npz");
var test = Load("test1000.npz");
var triggered = Load("triggered.npz");

// 2. What stands before the classifier. Keys by value: in the order of the model's classes, which is the alphabet's.
var preparation = mlContext.Transforms.ResizeImages("Resized", 32, 32, "Image")
    .Append(mlContext.Transforms.ExtractPixels("Pixels", "Resized", scaleImage: 1 / 255f));
var labels = mlContext.Transforms.Conversion.MapValueToKey("Label", "ClassName", keyOrdinality: ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(clean);

// 3. The given model, scored by ApplyOnnxModel.
var normalization = ChannelNormalization.Cifar10;
var given = preparation
    .Append(mlContext.Transforms.CustomMapping<Pixels, Normalized>((from, to) => to.Input = Normalize(from.Values, normalization), null))
    .Append(mlContext.Transforms.ApplyOnnxModel("logits", "input", model))
    .Append(mlContext.Transforms.CustomMapping<Logits, Answer>((from, to) => (to.Score, to.PredictedLabel) = (from.Values, (uint)(Array.IndexOf(from.Values, from.Values.Max()) + 1)), null))
    .Fit(clean);
Report("given model", given);

// 4. Purify.
Console.WriteLine("Purification:");
var pipeline = preparation
    .Append(mlContext.Transforms.PurifyBackdoor(new PurifyBackdoorEstimator.Options
    {
        InputColumnName = "Pixels",
        ModelFile = model,
        Normalization = normalization,
        ProbabilityColumnName = "Probability",
        PredictedLabelColumnName = "PredictedLabel",
    }))
    .Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedClass", "PredictedLabel"));
var purified = pipeline.Fit(labels.Transform(clean));
Report("purified model", purified);

// 5. Save: the pipeline for ML.NET, the network alone for any other runtime.
var transformer = purified.OfType<PurifyBackdoorTransformer>().Single();
transformer.SaveOnnx(Path.Combine(output, "purified.onnx"));
mlContext.Model.Save(purified, clean.Schema, Path.Combine(output, "pipeline.zip"));
File.WriteAllLines(Path.Combine(output, "scores.csv"), ScoreLines(purified, test, 20));
Console.WriteLine($"Saved: {Path.Combine(output, "pipeline.zip")} and {Path.Combine(output, "purified.onnx")}");
return 0;

IDataView Load(string file)
{
    var images = ImageFolder.Write(DataSetReader.Read(Path.Combine(data, file)), Path.Combine(output, "images", Path.GetFileNameWithoutExtension(file)));
    var files = mlContext.Data.LoadFromEnumerable(images);
    return mlContext.Transforms.LoadImages("Image", "", "File").Fit(files).Transform(files);
}

void Report(string name, ITransformer scorer)
{
    var metrics = mlContext.MulticlassClassification.Evaluate(scorer.Transform(labels.Transform(test)));
    var answers = scorer.Transform(triggered).GetColumn<float[]>("Score").Select(s => Array.IndexOf(s, s.Max())).ToArray();
    const int Target = 0;
    Console.WriteLine($"{name}: accuracy {metrics.MicroAccuracy:0.000} (of class {ImageFolder.ClassNames[Target]} {metrics.ConfusionMatrix.PerClassRecall[Target]:0.000}), attack success {answers.Count(a => a == Target) / (double)answers.Length:0.000}");
}

static IEnumerable<string> ScoreLines(ITransformer scorer, IDataView data, int count)
{
    var scored = scorer.Transform(data);
    return scored.GetColumn<string>("File").Zip(scored.GetColumn<string>("PredictedClass"), scored.GetColumn<float[]>("Score"))
        .Take(count).Select(r => $"{r.First},{r.Second},{string.Join(",", r.Third.Select(s => s.ToString("R", CultureInfo.InvariantCulture)))}");
}

static float[] Normalize(float[] pixels, ChannelNormalization normalization)
{
    var plane = pixels.Length / 3;
    return [.. pixels.Select((p, i) => (p - normalization.Mean[i / plane]) / normalization.Std[i / plane])];
}
