using Microsoft.ML.Data;
using Ulrl.Training.Data;

namespace PurifyPipeline;

/// <summary>Writes a data set as PNG files, one folder per class.</summary>
internal static class ImageFolder
{
    public static readonly string[] ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    public static IReadOnlyList<ImageFile> Write(LabeledSamples samples, string folder)
    {
        var files = new List<ImageFile>();
        for (var i = 0; i < samples.Count; i++)
        {
            var name = ClassNames[samples.Labels[i]];
            var file = Path.GetFullPath(Path.Combine(folder, name, $"{i}.png"));
            files.Add(new ImageFile { File = file, ClassName = name });
            if (File.Exists(file)) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            using var image = MLImage.CreateFromPixels(samples.SampleShape[2], samples.SampleShape[1], MLPixelFormat.Rgba32, Pixels(samples.Sample(i)));
            image.Save(file);
        }

        return files;
    }

    // Planes of red, green and blue in [0, 1] to bytes, pixel after pixel.
    private static byte[] Pixels(ReadOnlySpan<float> planes)
    {
        var plane = planes.Length / 3;
        var pixels = new byte[plane * 4];
        for (var i = 0; i < plane; i++)
        {
            for (var c = 0; c < 3; c++) pixels[(i * 4) + c] = (byte)MathF.Round(planes[(c * plane) + i] * 255f);
            pixels[(i * 4) + 3] = byte.MaxValue;
        }

        return pixels;
    }
}
