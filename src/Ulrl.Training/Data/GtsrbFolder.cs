using System.Globalization;
using System.Text;

namespace Ulrl.Training.Data;

/// <summary>
/// The German Traffic Sign Recognition Benchmark (Stallkamp et al. 2012) in BackdoorBench's layout:
/// <c>Train/00000/GT-00000.csv</c> to <c>Train/00042/GT-00042.csv</c> and <c>Test/GT-final_test.csv</c>, each with the
/// pixmaps it names beside it. The order is that of the lists.
/// </summary>
internal static class GtsrbFolder
{
    public const int Classes = 43;

    private const int FileColumn = 0;
    private const int ClassColumn = 7;
    private const int MostBytes = 16 << 20;

    /// <summary>Reads the lists; the images are decoded when they are asked for.</summary>
    /// <exception cref="DataSetException">A list is missing or malformed.</exception>
    public static LabeledImages Open(ContainedFolder folder, bool train, IImageDecoder? decoder)
    {
        var files = new List<(string[] Parts, int Label)>();
        if (train)
        {
            for (var c = 0; c < Classes; c++)
            {
                var name = c.ToString("00000", CultureInfo.InvariantCulture);
                AddList(files, folder, ["Train", name], $"GT-{name}.csv");
            }
        }
        else
        {
            AddList(files, folder, ["Test"], "GT-final_test.csv");
        }

        return new ImageFiles(folder, files, decoder);
    }

    private static void AddList(List<(string[] Parts, int Label)> files, ContainedFolder folder, string[] inside, string list)
    {
        string[] parts = [.. inside, list];
        var where = $"'{Path.Combine([folder.Path, .. parts])}'";
        using var reader = new StreamReader(new MemoryStream(folder.Read(MostBytes, parts)), Encoding.UTF8);
        // The first line names the columns.
        reader.ReadLine();
        for (var number = 2; reader.ReadLine() is { } line; number++)
        {
            if (line.Length == 0)
                continue;
            var cells = line.Split(';');
            if (cells.Length <= ClassColumn || !int.TryParse(cells[ClassColumn], NumberStyles.None, CultureInfo.InvariantCulture, out var label) || label >= Classes)
                throw new DataSetException($"{where}, line {number}: a file name and, in column {ClassColumn + 1}, a class from 0 to {Classes - 1} are expected, separated by semicolons; the list is damaged");
            if (!ContainedFolder.IsPlainName(cells[FileColumn]))
                throw new DataSetException($"{where}, line {number}: the image's name is no plain file name; the list is damaged or an attack");
            files.Add(([.. inside, cells[FileColumn]], label));
        }
    }
}
