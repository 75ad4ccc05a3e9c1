using Ulrl.Training.Checkpoints.Architectures;

namespace Ulrl.Cli.Tests.Defense;

/// <summary>A folder with the small record of tests/peers/make_record.py and its data, as a user has them.</summary>
internal sealed class RecordFolder : IDisposable
{
    private readonly ScratchFolder folder = new();

    public RecordFolder()
    {
        Architecture.Register("record_test", (net, x, classes) =>
        {
            x = net.Relu(net.BatchNorm(net.Conv(x, "conv1", 8, 3, 2, 1, bias: false), "bn1"));
            x = net.Relu(net.BatchNorm(net.Conv(x, "conv2", 16, 3, 2, 1, bias: false), "bn2"));
            return net.Linear(net.Flatten(net.MaxPool(x, 2, 2)), "linear", classes);
        });
        var source = TestData("records");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = folder[Path.GetRelativePath(source, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public string Record => folder[Path.Combine("record", "small")];

    public string Output => Path.Combine(Record, "defense", "ulrl");

    public static string TestData(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "TestData", .. parts]);

    public string this[string name] => folder[name];

    /// <summary>Runs <c>ulrl defend</c> here.</summary>
    public ToolRun Defend(params string[] args) => Defend(CancellationToken.None, args);

    public ToolRun Defend(CancellationToken cancellation, params string[] args) => Tool.Run(
        cancellation, ["defend", "--record_path", folder["record"], "--dataset_path", folder["data"], .. args]);

    public void Dispose() => folder.Dispose();
}
