using System.Text.Json;
using Ulrl.Cli.Defense;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Onnx;

namespace Ulrl.Cli.Tests.Defense;

public sealed class DefendCommandTests : IDisposable
{
    // A short run on the few images there are.
    private static readonly string[] Quick =
    [
        "--result_file", "small", "--dataset", "cifar10", "--ratio", "0.4", "--batch_size", "32",
        "--unlearning_epochs", "3", "--relearn_epochs", "2", "--device", "cpu",
    ];

    private readonly RecordFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_record_is_defended_and_every_result_is_there()
    {
        var run = folder.Defend([.. Quick, "--yaml_path", RecordFolder.TestData("config", "cifar10.yaml"), "--frequency_save", "2", "--json"]);

        Assert.Equal(ExitCode.Success, run.Code);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(RecordFolder.TestData("records", "expected.json")));
        var before = run.Json.GetProperty("measured").GetProperty("before");
        foreach (var measure in new[] { "cleanAccuracy", "attackSuccessRate", "robustAccuracy" })
            Assert.Equal(expected.RootElement.GetProperty(measure).GetDouble(), before.GetProperty(measure).GetDouble());
        Assert.Equal(0, before.GetProperty("target").GetInt32());
        var files = Directory.GetFiles(folder.Output).Select(f => Path.GetFileName(f)).ToArray();
        Assert.Equal(
            [
                "defense_result.pt", "index.txt", "purified.onnx",
                "relearn_acc_like_metric_plots.png", "relearn_acc_like_metric_plots.svg", "relearn_df.csv", "relearn_df_summary.csv", "relearn_epoch_2.pt",
                "relearn_loss_metric_plots.png", "relearn_loss_metric_plots.svg", "report.html",
                "unlearn_acc_like_metric_plots.png", "unlearn_acc_like_metric_plots.svg", "unlearn_df.csv", "unlearn_df_summary.csv", "unlearn_epoch_2.pt",
                "unlearn_loss_metric_plots.png", "unlearn_loss_metric_plots.svg",
            ],
            files.Where(f => !f.EndsWith(".log", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Single(files, f => f.EndsWith(".log", StringComparison.Ordinal));
        Assert.Equal(["ulrl"], Directory.EnumerateFileSystemEntries(Path.Combine(folder.Record, "defense")).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void The_checkpoint_holds_the_purified_model_under_the_names_of_the_record()
    {
        Assert.Equal(ExitCode.Success, folder.Defend(Quick).Code);

        var given = TorchCheckpoint.Load(Path.Combine(folder.Record, "attack_result.pt"));
        var result = TorchCheckpoint.Load(Path.Combine(folder.Output, "defense_result.pt"));
        var purified = OnnxModel.Load(Path.Combine(folder.Output, "purified.onnx"));
        Assert.Equal(("record_test", 10L), (result.ModelName, result.ClassCount));
        Assert.Equal(given.Tensors.Keys, result.Tensors.Keys);
        Assert.Equal(given.Tensors.Values.Select(t => t.ToString()), result.Tensors.Values.Select(t => t.ToString()));
        Assert.All(given.UpdatedBy(purified), item => Assert.Equal(item.Value.ToSingles(), result.Tensors[item.Key].ToSingles()));
        Assert.NotEqual(given.Tensors["conv1.weight"].ToSingles(), result.Tensors["conv1.weight"].ToSingles());
        Assert.NotEqual(given.Tensors["bn1.running_var"].ToSingles(), result.Tensors["bn1.running_var"].ToSingles());
    }

    [Fact]
    public void Tables_have_the_published_columns_and_one_row_per_epoch()
    {
        var run = folder.Defend([.. Quick, "--clean_threshold", "0", "--json"]);

        var rows = File.ReadAllLines(Path.Combine(folder.Output, "relearn_df.csv"));
        Assert.Equal(",epoch,batch,train_epoch_loss_avg_over_batch,train_acc,train_acc_clean_only,clean_test_loss_avg_over_batch,bd_test_loss_avg_over_batch,test_acc,test_asr,test_ra", rows[0]);
        Assert.Equal(["0,0,2,", "1,1,2,"], rows[1..].Select(r => r[..6]));
        Assert.Equal(4, File.ReadAllLines(Path.Combine(folder.Output, "unlearn_df.csv")).Length);
        var last = rows[^1].Split(',');
        var after = run.Json.GetProperty("measured").GetProperty("after");
        Assert.Equal(after.GetProperty("cleanAccuracy").GetDouble(), Number(last[^3]));
        Assert.Equal(after.GetProperty("attackSuccessRate").GetDouble(), Number(last[^2]));
        Assert.Equal(after.GetProperty("robustAccuracy").GetDouble(), Number(last[^1]));
        Assert.Equal(after.GetProperty("meanCrossEntropy").GetDouble(), Number(last[6]), 1e-9);
        var summary = File.ReadAllLines(Path.Combine(folder.Output, "relearn_df_summary.csv"));
        Assert.Equal(rows[0], summary[0]);
        Assert.Equal(["last", "valid_max", "exist_nan_value"], summary[1..].Select(r => r.Split(',')[0]));
        Assert.Equal(last[1..], summary[1].Split(',')[1..]);
    }

    [Fact]
    public void The_clean_samples_are_those_that_Python_picks_or_those_of_a_list()
    {
        Assert.Equal(ExitCode.Success, folder.Defend([.. Quick, "--test_frequency", "0"]).Code);
        var picked = File.ReadAllLines(Path.Combine(folder.Output, "index.txt"));
        Assert.Equal(60, picked.Distinct().Count());
        // random.seed(0); random.sample(range(150), 60)[:6]
        Assert.Equal(["98", "107", "10", "66", "130", "124"], picked[..6]);

        File.WriteAllText(folder["list.txt"], "# chosen\n5 6\n" + string.Join('\n', Enumerable.Range(20, 30)));
        Assert.Equal(ExitCode.Success, folder.Defend([.. Quick, "--index", folder["list.txt"], "--test_frequency", "0"]).Code);
        Assert.Equal(new[] { 5, 6 }.Concat(Enumerable.Range(20, 30)), File.ReadAllLines(Path.Combine(folder.Output, "index.txt")).Select(int.Parse));
        Assert.Equal("0,0,1,", File.ReadAllLines(Path.Combine(folder.Output, "relearn_df.csv"))[1][..6]);
        Assert.EndsWith(",,,,,", File.ReadAllLines(Path.Combine(folder.Output, "relearn_df.csv"))[1], StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_seed_gives_the_same_results()
    {
        Assert.Equal(ExitCode.Success, folder.Defend(Quick).Code);
        var first = Results();
        Assert.Equal(ExitCode.Success, folder.Defend(Quick).Code);
        Assert.Equal(first, Results());
        Assert.Equal(ExitCode.Success, folder.Defend([.. Quick, "--random_seed", "1"]).Code);
        Assert.NotEqual(first, Results());

        string Results() => string.Concat(new[] { "purified.onnx", "defense_result.pt", "relearn_df.csv", "index.txt", "relearn_loss_metric_plots.png" }
            .Select(file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder.Output, file))))));
    }

    [Fact]
    public void Unknown_keys_are_named_and_the_log_has_the_settings()
    {
        File.WriteAllText(folder["a.yaml"], "dataset: cifar10\nmade_up: 1\nrelearn_epochs: 1\nclean_threshold:\namp: True\n");
        var run = folder.Defend([.. Quick, "--yaml_path", folder["a.yaml"]]);

        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Contains("sets made_up, which the defence does not know", run.Error, StringComparison.Ordinal);
        var log = File.ReadAllText(Directory.GetFiles(folder.Output, "*.log").Single());
        Assert.Contains("relearn_epochs: 2\n", log, StringComparison.Ordinal);
        Assert.Contains("amp: True (no effect here)\n", log, StringComparison.Ordinal);
        Assert.DoesNotContain("clean_threshold", log, StringComparison.Ordinal);
        Assert.Contains("Before Unlearning | Clean Test Loss:", log, StringComparison.Ordinal);
        Assert.Contains("After Relearning | Clean Test Loss:", log, StringComparison.Ordinal);
        Assert.Contains("made_up", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--result_file", "none", ExitCode.Data, "is no folder; put a BackdoorBench record")]
    [InlineData("--result_file", "../small", ExitCode.Usage, "names a folder below record/")]
    [InlineData("--result_file", "/etc", ExitCode.Usage, "names a folder below record/")]
    [InlineData("--dataset", "gtsrb", ExitCode.Usage, "give --dataset cifar10")]
    [InlineData("--dataset", "celeba", ExitCode.Usage, "one of cifar10, cifar100, gtsrb, mnist, tiny")]
    [InlineData("--model", "resnet18", ExitCode.Usage, "give --model record_test")]
    [InlineData("--linear_name", "fc", ExitCode.Usage, "its classifier layer is linear")]
    [InlineData("--dataset_path", "no-such-folder", ExitCode.Data, "data set cifar10 is expected there")]
    [InlineData("--ratio", "0.001", ExitCode.Usage, "give a larger --ratio")]
    [InlineData("--batch_size", "many", ExitCode.Usage, "--batch_size takes a number from 2 to 65536")]
    [InlineData("--client_optimizer", "adam", ExitCode.Usage, "sgd is what the defence has")]
    [InlineData("--lr_scheduler", "CyclicLR", ExitCode.Usage, "MultiStepLR is what the defence has")]
    [InlineData("--init", "perhaps", ExitCode.Usage, "--init takes true or false")]
    [InlineData("--steplr_milestones", "ten", ExitCode.Usage, "takes integers such as 10 20")]
    [InlineData("--index", "no-such-list", ExitCode.Usage, "give --index a text file")]
    [InlineData("--yaml_path", "no-such.yaml", ExitCode.Usage, "give --yaml_path the configuration file")]
    public void What_is_wrong_is_said_in_one_line_and_nothing_is_written(string option, string value, int code, string reason)
    {
        var at = Array.IndexOf(Quick, option);
        var args = at < 0 ? Quick : [.. Quick[..at], .. Quick[(at + 2)..]];
        var run = option == "--dataset_path"
            ? Tool.Run(["defend", "--record_path", folder["record"], .. args, option, value])
            : folder.Defend([.. args, option, value]);

        Assert.Equal(code, run.Code);
        Assert.Contains(reason, run.ErrorLine, StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.False(Directory.Exists(Path.Combine(folder.Record, "defense")));
    }

    [Fact]
    public void A_device_of_the_configuration_file_that_is_not_there_is_said_with_the_way_out()
    {
        File.WriteAllText(folder["a.yaml"], "device: 'cuda:99'\n");
        var run = folder.Defend([.. Quick[..^2], "--yaml_path", folder["a.yaml"]]);
        Assert.Equal(ExitCode.Device, run.Code);
        Assert.Contains("or give --device auto in place of the configuration file's cuda:99", run.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder.Record, "defense")));
    }

    [Fact]
    public void A_cancelled_run_leaves_what_was_there()
    {
        Directory.CreateDirectory(folder.Output);
        File.WriteAllText(Path.Combine(folder.Output, "index.txt"), "earlier");
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(700));

        var run = folder.Defend(source.Token, [.. Quick.Select(a => a == "2" ? "100000" : a), "--frequency_save", "1", "--test_frequency", "0"]);

        Assert.Equal(ExitCode.Cancelled, run.Code);
        Assert.Equal("earlier", File.ReadAllText(Path.Combine(folder.Output, "index.txt")));
        Assert.Equal(["ulrl"], Directory.EnumerateFileSystemEntries(Path.Combine(folder.Record, "defense")).Select(f => Path.GetFileName(f)));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Output));
    }

    [Fact]
    public void Results_do_not_follow_a_link_out_of_the_record()
    {
        Directory.CreateDirectory(folder["elsewhere"]);
        Directory.CreateSymbolicLink(Path.Combine(folder.Record, "defense"), folder["elsewhere"]);

        var run = folder.Defend(Quick);

        Assert.Equal(ExitCode.Output, run.Code);
        Assert.Contains("is a link", run.ErrorLine, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder["elsewhere"]));
    }

    [Fact]
    public void The_balanced_preset_keeps_its_own_relearning()
    {
        var run = folder.Defend([.. Quick.Select(a => a == "2" ? "1" : a), "--preset", "Balanced", "--yaml_path", RecordFolder.TestData("config", "cifar10.yaml"), "--json"]);
        var settings = run.Json.GetProperty("settings");
        Assert.Equal(0.5, settings.GetProperty("perturbedShare").GetDouble(), 1e-6);
        Assert.Equal(1, settings.GetProperty("relearningEpochs").GetInt32());
        Assert.Equal(0.01, settings.GetProperty("relearningLearningRate").GetDouble(), 1e-6);
    }

    private static double Number(string cell) => double.Parse(cell, System.Globalization.CultureInfo.InvariantCulture);
}
