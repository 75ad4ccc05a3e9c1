// Loads a purified pipeline and classifies image files, without any reference to Ulrl:
//   ScoringApp PIPELINE.zip IMAGE...
// Prints one line per image: file, class, scores.
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using ScoringApp;

if (args.Length < 2)
{
    Console.Error.WriteLine("usage: ScoringApp PIPELINE.zip IMAGE...");
    return 2;
}

// Set GpuDeviceId here to score on a CUDA device (and reference Microsoft.ML.OnnxRuntime.Gpu).
var mlContext = new MLContext();
var pipeline = mlContext.Model.Load(args[0], out _);
using var engine = mlContext.Model.CreatePredictionEngine<ImageInput, ImagePrediction>(pipeline);
foreach (var file in args[1..])
{
    using var image = MLImage.CreateFromFile(file);
    var prediction = engine.Predict(new ImageInput { Image = image });
    Console.WriteLine($"{file},{prediction.PredictedClass},{string.Join(",", prediction.Score.Select(s => s.ToString("R", CultureInfo.InvariantCulture)))}");
}

return 0;
