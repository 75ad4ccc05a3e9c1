using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using Ulrl.Training.Data;

namespace Ulrl.MLNet.Tests;

/// <summary>The example applications, which load a purified pipeline without a reference to Ulrl.</summary>
public sealed class ApplicationTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("ulrl-mlnet-").FullName;

    [Fact]
    public async Task Applications_without_Ulrl_load_a_pipeline_from_image_files_and_score_the_same()
    {
        var files = WriteImages(12);
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(files.Select((f, i) => new ImageFile { File = f, Label = Example.CleanPixels.Labels[i] }).ToArray());
        var images = context.Transforms.LoadImages("Image", "", "File").Fit(rows).Transform(rows);
        var pipeline = context.Transforms.ResizeImages("Resized", 32, 32, "Image")
            .Append(context.Transforms.ExtractPixels("Pixels", "Resized", scaleImage: 1 / 255f))
            .Append(context.Transforms.PurifyBackdoor(Example.QuickOptions(o =>
            {
                o.InputColumnName = "Pixels";
                o.Normalization = ChannelNormalization.Cifar10;
                o.ClassNames = Example.ClassNames;
                o.ProbabilityColumnName = "Probability";
                o.PredictedLabelColumnName = "PredictedLabel";
            })))
            .Append(context.Transforms.Conversion.MapKeyToValue("PredictedClass", "PredictedLabel"));
        using var fitted = pipeline.Fit(images);
        var saved = Path.Combine(folder, "pipeline.zip");
        context.Model.Save(fitted, images.Schema, saved);
        var scored = fitted.Transform(images);
        var classes = scored.GetColumn<string>("PredictedClass").ToArray();
        var expected = classes.Zip(scored.GetColumn<float[]>("Score"), files)
            .Select(r => $"{r.Third},{r.First},{string.Join(",", r.Second.Select(s => s.ToString("R", CultureInfo.InvariantCulture)))}");

        CheckImages(scored);

        using var scoring = Start("ScoringApp", [saved, .. files]);
        var output = await scoring.StandardOutput.ReadToEndAsync();
        Assert.True(scoring.WaitForExit(60_000));
        Assert.Equal(expected, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.TrimEnd('\r')));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(PathOf("ScoringApp"))!, "Ulrl*"));

        await CheckService(saved, files, classes);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Images pass through the batches; whoever reads them owns them.
    private static void CheckImages(IDataView scored)
    {
        using var cursor = scored.GetRowCursor([scored.Schema["Image"], scored.Schema["Score"]]);
        var read = cursor.GetGetter<MLImage>(scored.Schema["Image"]);
        MLImage image = null!;
        for (var row = 0; cursor.MoveNext(); row++)
        {
            if (row % 3 == 1) continue;
            read(ref image);
            var pixels = image.Pixels;
            var order = image.PixelFormat == MLPixelFormat.Bgra32 ? 2 : 0;
            Assert.Equal(MathF.Round(Example.CleanPixels.Sample(row)[5] * 255f), pixels[20 + order]);
        }

        image.Dispose();
    }

    private static async Task CheckService(string saved, string[] files, string[] classes)
    {
        using var service = Start("ScoringService", ["--Pipeline", saved, "--urls", "http://127.0.0.1:0"]);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(await Address(service)), Timeout = TimeSpan.FromMinutes(1) };
            Assert.Equal("Healthy", await client.GetStringAsync("/health"));
            var answers = await Task.WhenAll(files.Select(async file =>
            {
                using var content = new ByteArrayContent(await File.ReadAllBytesAsync(file));
                using var response = await client.PostAsync("/predict", content);
                response.EnsureSuccessStatusCode();
                return await response.Content.ReadFromJsonAsync<JsonElement>();
            }));
            Assert.Equal(classes, answers.Select(a => a.GetProperty("class").GetString()));
            Assert.All(answers, a => Assert.Equal(1, a.GetProperty("probabilities").EnumerateObject().Sum(p => p.Value.GetDouble()), 1e-4));
            Assert.Equal(Example.ClassNames, answers[0].GetProperty("probabilities").EnumerateObject().Select(p => p.Name));
            using var garbage = new ByteArrayContent([1, 2, 3]);
            using var refused = await client.PostAsync("/predict", garbage);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
        finally
        {
            service.Kill();
        }
    }

    private static async Task<string> Address(Process service)
    {
        while (await service.StandardOutput.ReadLineAsync() is { } line)
        {
            if (Regex.Match(line, @"http://127\.0\.0\.1:\d+") is { Success: true } found) return found.Value;
        }

        throw new InvalidOperationException("the service ended: " + await service.StandardError.ReadToEndAsync());
    }

    // Beside this project's own output, in the same configuration.
    private static string PathOf(string application)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(own.Parent!.Parent!.FullName, application, own.Name, application + ".dll");
    }

    private static Process Start(string application, string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", [PathOf(application), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private string[] WriteImages(int count)
    {
        var files = new string[count];
        for (var i = 0; i < count; i++)
        {
            var planes = Example.CleanPixels.Sample(i);
            var pixels = new byte[32 * 32 * 4];
            for (var at = 0; at < pixels.Length; at++) pixels[at] = at % 4 == 3 ? byte.MaxValue : (byte)MathF.Round(planes[(at % 4 * 1024) + (at / 4)] * 255f);
            using var image = MLImage.CreateFromPixels(32, 32, MLPixelFormat.Rgba32, pixels);
            files[i] = Path.Combine(folder, $"{i}.png");
            image.Save(files[i]);
        }

        return files;
    }

    private sealed class ImageFile
    {
        public string File { get; set; } = "";

        public int Label { get; set; }
    }
}
