using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Victims;

/// <summary>The files of the trained models in one folder.</summary>
internal static class VictimFiles
{
    /// <summary>Path of a model.</summary>
    public static string Model(string folder, string name) => Path.Combine(folder, name + ".onnx");

    /// <summary>Path of its triggered test samples.</summary>
    public static string Triggered(string folder, string name) => Path.Combine(folder, name + "-triggered.npz");

    /// <summary>Writes images of values from 0 to 1 as pixels, <c>x</c> [N, H, W, C] uint8, with <c>y</c> and <c>target</c>.</summary>
    public static void WriteImages(string path, LabeledSamples samples)
    {
        var (channels, height, width) = (samples.SampleShape[0], samples.SampleShape[1], samples.SampleShape[2]);
        var pixels = new byte[samples.Values.Length];
        var next = 0;
        for (var i = 0; i < samples.Count; i++)
        {
            var image = samples.Sample(i);
            for (var p = 0; p < height * width; p++)
            {
                for (var c = 0; c < channels; c++) pixels[next++] = (byte)MathF.Round(image[(c * height * width) + p] * 255f);
            }
        }

        var arrays = new Dictionary<string, NpyArray>
        {
            ["x"] = new(pixels, samples.Count, height, width, channels),
            ["y"] = new(Array.ConvertAll(samples.Labels, label => (long)label), samples.Count),
        };
        if (samples.Target is { } target) arrays["target"] = new NpyArray(new[] { (long)target });
        NpzFile.Write(path, arrays);
    }
}
