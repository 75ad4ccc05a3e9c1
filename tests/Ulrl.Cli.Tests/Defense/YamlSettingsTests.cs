using Ulrl.Cli.Defense;
using Ulrl.Training.Data;
using Ulrl.Training.Purification;

namespace Ulrl.Cli.Tests.Defense;

public sealed class YamlSettingsTests : IDisposable
{
    private static readonly Dictionary<string, string> NoOptions = [];

    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Plain_values_lists_and_empty_values_are_read()
    {
        var values = Read("# a comment\ndevice: 'cuda'\nnum_classes: \nindex: ~\nsteplr_milestones: [10, 20]\namp: True \nratio: 0.01 # Defense \nlist:\n  - 1\n  - 2\n");
        Assert.Equal(
            [("device", "cuda"), ("num_classes", ""), ("index", ""), ("steplr_milestones", "10 20"), ("amp", "True"), ("ratio", "0.01"), ("list", "1 2")],
            values.Select(v => (v.Key, v.Value)));
        Assert.Empty(Read(""));
        Assert.Empty(Read("# nothing\n"));
        Assert.Equal("", Read("a: null")["a"]);
        Assert.Equal("null", Read("a: 'null'")["a"]);
    }

    [Theory]
    [InlineData("a: &x 1\nb: *x")]
    [InlineData("a: *x")]
    [InlineData("a: !!python/object/apply:os.system ['id']")]
    [InlineData("a: {b: 1}")]
    [InlineData("a: [[1]]")]
    [InlineData("- a")]
    [InlineData("just text")]
    [InlineData("? [1]\n: 2")]
    [InlineData("a: 1\n---\nb: 2")]
    [InlineData("a: [1")]
    [InlineData("a: 'open")]
    [InlineData("a: 1\na: 2")]
    [InlineData("!!map {a: 1}")]
    [InlineData("a: &x [1]")]
    public void Whatever_is_more_than_plain_values_is_refused(string yaml) =>
        Assert.Contains("a.yaml'", Assert.Throws<UsageException>(() => Read(yaml)).Message, StringComparison.Ordinal);

    [Fact]
    public void Bombs_are_refused_at_once()
    {
        var aliases = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n";
        Assert.Throws<UsageException>(() => Read(aliases));
        Assert.Contains("only plain values", Assert.Throws<UsageException>(() => Read("a: " + new string('[', 500_000))).Message, StringComparison.Ordinal);
        Assert.Contains("far more than a configuration file needs", Assert.Throws<UsageException>(() => Read(new string('#', 2_000_000))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_beats_the_file_and_empty_values_are_unset()
    {
        var file = Read("result_file: a\ndataset: cifar100\nbatch_size: 64\nrelearn_lr:\nwd: 0.1\nsteplr_milestones: [5]\ninit: no");
        var options = new Dictionary<string, string> { ["batch_size"] = "32", ["relearn_epochs"] = "7" };

        var settings = DefenseSettings.Read(options, file, "a.yaml", PurificationPreset.Published).Purification;

        Assert.Equal((32, 7, 0.1f, 0.001f, false), (settings.BatchSize, settings.RelearningEpochs, settings.UnlearningWeightDecay, settings.RelearningLearningRate, settings.Reinitialize));
        Assert.Equal([5], settings.UnlearningMilestones);
        Assert.False(settings.HorizontalFlip);
    }

    [Theory]
    [InlineData("cifar10")]
    [InlineData("cifar100")]
    [InlineData("gtsrb")]
    [InlineData("mnist")]
    [InlineData("tiny")]
    public void The_shipped_files_set_what_was_published(string dataSet)
    {
        var path = RecordFolder.TestData("config", dataSet + ".yaml");
        var file = YamlSettings.Read(path);

        var settings = DefenseSettings.Read(new Dictionary<string, string> { ["result_file"] = "a/b" }, file, path, PurificationPreset.Published);

        Assert.Equal(PurificationOptions.Published(dataSet) with { UnlearningMilestones = settings.Purification.UnlearningMilestones }, settings.Purification);
        Assert.Equal([10, 20], settings.Purification.UnlearningMilestones);
        Assert.Equal((BenchmarkDataSet.FromName(dataSet), Path.Combine("data", dataSet), 0.01), (settings.DataSet, settings.DataFolder, settings.Ratio));
        Assert.Equal(["a", "b"], settings.Record);
        Assert.Empty(new DefenseValues(NoOptions, file, path).Unknown);
        Assert.Equal(DefenseKey.All.Select(k => k.Name).Where(k => k is not ("result_file" or "attack")).Order(StringComparer.Ordinal), file.Keys.Order(StringComparer.Ordinal));
    }

    private IReadOnlyDictionary<string, string> Read(string yaml) => YamlSettings.Read(folder.Write("a.yaml", System.Text.Encoding.UTF8.GetBytes(yaml)));
}
