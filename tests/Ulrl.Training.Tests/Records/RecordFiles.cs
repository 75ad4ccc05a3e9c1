using System.IO.Compression;
using System.Text;
using Ulrl.Training.Checkpoints.Architectures;

namespace Ulrl.Training.Tests.Records;

/// <summary>The small record of tests/peers/make_record.py, copied where a test may change it.</summary>
internal static class RecordFiles
{
    public static string Data => TestFiles.TestData("records", "data", "cifar10");

    /// <summary>Makes the record's architecture known.</summary>
    public static void Register() => Architecture.Register("record_test", (net, x, classes) =>
    {
        x = net.Relu(net.BatchNorm(net.Conv(x, "conv1", 8, 3, 2, 1, bias: false), "bn1"));
        x = net.Relu(net.BatchNorm(net.Conv(x, "conv2", 16, 3, 2, 1, bias: false), "bn2"));
        return net.Linear(net.Flatten(net.MaxPool(x, 2, 2)), "linear", classes);
    });

    /// <summary>Copies the record below a folder.</summary>
    /// <returns>Its folder.</returns>
    public static string Copy(string folder)
    {
        var source = TestFiles.TestData("records", "record", "small");
        var target = Path.Combine(folder, "small");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }

    /// <summary>Replaces text in the record's pickle by text of the same length.</summary>
    public static void Replace(string record, string given, string by)
    {
        Assert.Equal(given.Length, by.Length);
        var path = Path.Combine(record, "attack_result.pt");
        var records = new List<(string Name, byte[] Content)>();
        using (var archive = ZipFile.OpenRead(path))
        {
            foreach (var entry in archive.Entries)
            {
                using var stream = entry.Open();
                using var memory = new MemoryStream();
                stream.CopyTo(memory);
                records.Add((entry.FullName, memory.ToArray()));
            }
        }

        var at = records.FindIndex(r => r.Name.EndsWith("/data.pkl", StringComparison.Ordinal));
        var pickle = Encoding.Latin1.GetString(records[at].Content);
        Assert.Contains(given, pickle, StringComparison.Ordinal);
        records[at] = (records[at].Name, Encoding.Latin1.GetBytes(pickle.Replace(given, by, StringComparison.Ordinal)));
        File.WriteAllBytes(path, Checkpoints.CheckpointFiles.Zip(records));
    }
}
