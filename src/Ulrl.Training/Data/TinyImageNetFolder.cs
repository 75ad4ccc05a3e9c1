using System.Text;

namespace Ulrl.Training.Data;

/// <summary>
/// Tiny-ImageNet-200 as unpacked: <c>tiny-imagenet-200/train/WNID/images/*.JPEG</c>, and its validation part as test
/// samples, either as downloaded (<c>val/images</c> with <c>val_annotations.txt</c>) or sorted into one folder per class
/// as BackdoorBench does. Classes are numbered by the alphabetical order of their names, images ordered by class and name,
/// as torchvision's <c>ImageFolder</c> does.
/// </summary>
internal static class TinyImageNetFolder
{
    private const string BaseFolder = "tiny-imagenet-200";
    private const string Annotations = "val_annotations.txt";
    private const string Images = "images";
    private const int MostBytes = 16 << 20;

    private static readonly string[] Endings = [".jpg", ".jpeg", ".png", ".ppm"];

    /// <summary>Lists the images; they are decoded when they are asked for.</summary>
    /// <exception cref="DataSetException">A folder is missing.</exception>
    public static LabeledImages Open(ContainedFolder folder, bool train, IImageDecoder? decoder)
    {
        var classes = Folders(folder, BaseFolder, "train");
        var files = !train && File.Exists(folder.Find(BaseFolder, "val", Annotations))
            ? Annotated(folder, classes)
            : classes.SelectMany((name, label) => Inside(folder, [BaseFolder, train ? "train" : "val", name]).Select(parts => (parts, label)));
        return new ImageFiles(folder, [.. files], decoder);
    }

    private static IEnumerable<(string[] Parts, int Label)> Annotated(ContainedFolder folder, string[] classes)
    {
        using var reader = new StreamReader(new MemoryStream(folder.Read(MostBytes, BaseFolder, "val", Annotations)), Encoding.UTF8);
        var files = new List<(string Name, int Label)>();
        while (reader.ReadLine() is { } line)
        {
            var cells = line.Split((char[]?)null, 3, StringSplitOptions.RemoveEmptyEntries);
            if (cells.Length == 0)
                continue;
            var label = cells.Length < 2 ? -1 : Array.BinarySearch(classes, cells[1], StringComparer.Ordinal);
            if (label < 0 || !ContainedFolder.IsPlainName(cells[0]))
                throw new DataSetException($"'{Path.Combine(folder.Path, BaseFolder, "val", Annotations)}', line {files.Count + 1}: a file name and a class that train/ has are expected; the list is damaged");
            files.Add((cells[0], label));
        }

        return files.OrderBy(f => f.Label).ThenBy(f => f.Name, StringComparer.Ordinal).Select(f => (new[] { BaseFolder, "val", Images, f.Name }, f.Label));
    }

    // A class's images lie in its folder, or in images/ below it; ImageFolder takes those of both, the outer ones first.
    private static IEnumerable<string[]> Inside(ContainedFolder folder, string[] inside)
    {
        foreach (string[] place in new string[][] { inside, [.. inside, Images] })
        {
            var path = folder.Find(place);
            if (!Directory.Exists(path))
                continue;
            var names = Directory.EnumerateFiles(path).Select(file => Path.GetFileName(file))
                .Where(name => Endings.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase));
            foreach (var name in names.Order(StringComparer.Ordinal))
                yield return [.. place, name];
        }
    }

    private static string[] Folders(ContainedFolder folder, params string[] parts)
    {
        var path = folder.Find(parts);
        if (!Directory.Exists(path))
            throw new DataSetException($"'{path}' does not exist; unpack tiny-imagenet-200.zip into '{folder.Path}'");
        return [.. Directory.EnumerateDirectories(path).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];
    }
}
