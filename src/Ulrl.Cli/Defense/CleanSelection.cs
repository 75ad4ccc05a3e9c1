using System.Globalization;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Cli.Defense;

/// <summary>Which clean training samples the defence uses.</summary>
internal static class CleanSelection
{
    private const int MostBytes = 64 << 20;

    /// <summary>The numbers of a file, or a random share as the published code picks it from the seed.</summary>
    /// <exception cref="UsageException">The file is no list of numbers, or the share leaves too few samples.</exception>
    public static int[] Of(LabeledImages images, DefenseSettings settings)
    {
        if (settings.Index is { } path)
            return Read(path, images);
        var count = (int)(images.Count * settings.Ratio);
        return count >= 2
            ? new PythonRandom(settings.Purification.Seed).Sample(images.Count, count)
            : throw new UsageException($"ratio {settings.Ratio.ToString(CultureInfo.InvariantCulture)} of {images.Count} training samples leaves {count}; give a larger --ratio, or the samples by --index.");
    }

    // As numpy.loadtxt: numbers separated by white space, comments after #.
    private static int[] Read(string path, LabeledImages images)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > MostBytes)
                throw new UsageException($"'{path}' has {stream.Length} bytes, far more than a list of samples needs; give a text file with one number per line.");
            using var reader = new StreamReader(stream);
            var numbers = new List<int>();
            for (var line = 1; reader.ReadLine() is { } text; line++)
            {
                foreach (var item in text.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
                {
                    if (!int.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number >= images.Count)
                        throw new UsageException($"'{path}', line {line}: '{(item.Length > 20 ? item[..20] : item)}' is no number of a training sample, 0 to {images.Count - 1}; give one number per line.");
                    numbers.Add(number);
                }
            }

            return numbers.Count >= 2 ? [.. numbers] : throw new UsageException($"'{path}' names {numbers.Count} samples; give at least two.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be read: {e.Message.TrimEnd('.')}; give --index a text file with one number per line.");
        }
    }
}
