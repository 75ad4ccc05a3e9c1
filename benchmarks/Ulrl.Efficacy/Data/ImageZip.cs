using System.IO.Compression;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Data;

/// <summary>Images of 32×32 in a zip archive, <c>train/CLASS/NAME.jpg</c> and <c>test/CLASS/NAME.jpg</c>; the classes are numbered in alphabetical order.</summary>
internal static class ImageZip
{
    private const long LargestFile = 1 << 20;

    /// <summary>Reads the first images of a part, one class after the other in turn: NAME decides the order, then the class.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="part">train or test.</param>
    /// <param name="count">Most images.</param>
    /// <param name="decoder">Decodes them.</param>
    /// <returns>Values from 0 to 1.</returns>
    /// <exception cref="DataSetException">The archive cannot be read, has no such part, or an image of another size.</exception>
    public static LabeledSamples Read(string path, string part, int count, IImageDecoder decoder)
    {
        try
        {
            using var archive = ZipFile.OpenRead(path);
            var files = archive.Entries
                .Select(entry => (Entry: entry, Parts: entry.FullName.Split('/')))
                .Where(file => file.Parts.Length == 3 && file.Parts[0] == part && file.Parts[2].Length > 0)
                .OrderBy(file => file.Parts[2], StringComparer.Ordinal).ThenBy(file => file.Parts[1], StringComparer.Ordinal)
                .ToArray();
            if (files.Length == 0) throw new DataSetException($"'{path}' has no images {part}/CLASS/NAME; give an archive of images in folders.");
            string[] classes = [.. files.Select(file => file.Parts[1]).Distinct().Order(StringComparer.Ordinal)];
            files = [.. files.Take(count)];
            var length = 3 * 32 * 32;
            var values = new float[files.Length * length];
            for (var i = 0; i < files.Length; i++) Decode(files[i].Entry, path, decoder, values.AsSpan(i * length, length));
            return new LabeledSamples(values, [3, 32, 32], [.. files.Select(file => Array.BinarySearch(classes, file.Parts[1], StringComparer.Ordinal))], source: $"'{path}', {part}");
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new DataSetException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static void Decode(ZipArchiveEntry entry, string path, IImageDecoder decoder, Span<float> values)
    {
        var where = $"'{path}', {entry.FullName}";
        if (entry.Length > LargestFile) throw new DataSetException($"{where} has {entry.Length} bytes, at most {LargestFile} are read; give images of 32×32.");
        var content = new byte[entry.Length];
        using (var stream = entry.Open()) stream.ReadExactly(content);
        var image = decoder.Decode(content, where);
        if (image is not { Width: 32, Height: 32, Channels: 3 })
            throw new DataSetException($"{where} has {image.Width}×{image.Height} pixels in {image.Channels} channels; 32×32 in 3 are expected.");
        PixelScale.ScaleToChannelsFirst(image.Values, values, 3);
    }
}
