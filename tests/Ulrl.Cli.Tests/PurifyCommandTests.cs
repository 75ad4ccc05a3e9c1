using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Cli.Tests;

public class PurifyCommandTests
{
    private static readonly string Model = Tool.Example("preact_badnet_t0.onnx");
    private static readonly string[] Short = ["--normalization", "CIFAR-10", "--device", "cpu", "--unlearning-epochs", "1", "--relearning-epochs", "1", "--batch-size", "20"];

    // A few samples of every class, so that a run takes seconds.
    private static string Samples(ScratchFolder folder, string name = "clean.npz", string from = "clean500.npz", int count = 40)
    {
        using var file = NpzFile.Open(Tool.Example(from));
        var pixels = ((byte[])file.Read("x").Values)[..(count * 3072)];
        NpzFile.Write(folder[name], [new("x", new NpyArray(pixels, count, 32, 32, 3)), new("y", new NpyArray(file.Read("y").ToInt64s()[..count], count))]);
        return folder[name];
    }

    [Fact]
    public void It_writes_a_model_that_loads_and_a_report_and_prints_what_it_did()
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--out", folder["out.onnx"], "--report", folder["report.html"], .. Short,
            "--triggered", Samples(folder, "triggered.npz", "triggered.npz"), "--target", "0"]);

        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Contains("attack success, class 0", run.Output, StringComparison.Ordinal);
        Assert.Contains("Neuron weight change", run.Output, StringComparison.Ordinal);
        Assert.Contains("seconds", run.Output, StringComparison.Ordinal);
        Assert.Contains("unlearning epoch 1/1: cross-entropy ", run.Error, StringComparison.Ordinal);
        Assert.Contains("relearning epoch 1/1: loss ", run.Error, StringComparison.Ordinal);
        Assert.Equal(["clean.npz", "out.onnx", "report.html", "triggered.npz"], folder.Files.Order());
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(folder["report.html"]), StringComparison.Ordinal);
        var purified = OnnxModel.Load(folder["out.onnx"]);
        Assert.Equal(OnnxModel.Load(Model).Initializers.Select(i => i.ToString()), purified.Initializers.Select(i => i.ToString()));
        Assert.NotEqual(File.ReadAllBytes(Model), File.ReadAllBytes(folder["out.onnx"]));
    }

    [Fact]
    public void On_a_terminal_progress_is_drawn_as_bars()
    {
        using var folder = new ScratchFolder();
        using var output = new StringWriter();
        using var error = new StringWriter();
        string[] args = ["purify", Model, "--clean", Samples(folder), "--out", folder["out.onnx"], .. Short];
        var code = UlrlCommand.Run(args, new Terminal(output, error, errorIsTerminal: true), CancellationToken.None);
        Assert.Equal((ExitCode.Success, ""), (code, string.Concat(error.ToString().Split('\n').Where(l => l.StartsWith("ulrl:", StringComparison.Ordinal)))));
        Assert.Contains("relearning", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("100%", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output.ToString());
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_settings_reach_the_report()
    {
        using var folder = new ScratchFolder();
        var clean = Samples(folder);
        string[] settings = ["--seed", "7", "--alpha", "0.25", "--flip", "off", "--crop-padding", "0", "--preset", "CIFAR-100", "--json"];

        var first = Tool.Run(["purify", Model, "--clean", clean, "--out", folder["a.onnx"], .. Short, .. settings]);
        Tool.Run(["purify", Model, "--clean", clean, "--out", folder["b.onnx"], .. Short, .. settings]);

        Assert.Equal(File.ReadAllBytes(folder["a.onnx"]), File.ReadAllBytes(folder["b.onnx"]));
        var used = first.Json.GetProperty("settings");
        Assert.Equal(7, used.GetProperty("seed").GetInt32());
        Assert.Equal(0.25f, used.GetProperty("alpha").GetSingle());
        Assert.False(used.GetProperty("horizontalFlip").GetBoolean());
        Assert.Equal(0.001f, used.GetProperty("relearningLearningRate").GetSingle());
        Assert.Equal(10, first.Json.GetProperty("neurons").GetArrayLength());
        Assert.Equal(folder["a.onnx"], first.Json.GetProperty("out").GetString());
    }

    [Fact]
    public void A_report_that_ends_in_json_is_the_document_that_json_prints()
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--out", folder["out.onnx"], "--report", folder["report.json"], .. Short, "--json"]);
        using var written = System.Text.Json.JsonDocument.Parse(File.ReadAllText(folder["report.json"]));
        Assert.Equal("ulrl-purification-report/1", written.RootElement.GetProperty("format").GetString());
        Assert.Equal(run.Json.GetProperty("neurons").GetRawText(), written.RootElement.GetProperty("neurons").GetRawText());
    }

    [Theory]
    [InlineData("--report", "report.pdf")]
    [InlineData("--preset", "ImageNet")]
    [InlineData("--momentum", "1")]
    [InlineData("--relearning-lr", "-0.1")]
    [InlineData("--relearning-lr", "NaN")]
    [InlineData("--flip", "maybe")]
    [InlineData("--seed", "1.5")]
    public void Settings_out_of_range_are_errors_of_usage(params string[] options)
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--out", folder["out.onnx"], .. options]);
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Equal(["clean.npz"], folder.Files);
    }

    [Fact]
    public void The_given_model_is_replaced_only_by_force()
    {
        using var folder = new ScratchFolder();
        var model = folder.Write("model.onnx", File.ReadAllBytes(Model));
        string[] args = ["purify", model, "--clean", Samples(folder), "--out", model, .. Short];

        var refused = Tool.Run(args);
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("--force", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Model), File.ReadAllBytes(model));

        Assert.Equal(ExitCode.Success, Tool.Run([.. args, "--force"]).Code);
        Assert.NotEqual(File.ReadAllBytes(Model), File.ReadAllBytes(model));
    }

    [Fact]
    public void A_link_to_the_given_model_is_the_given_model()
    {
        using var folder = new ScratchFolder();
        var model = folder.Write("model.onnx", File.ReadAllBytes(Model));
        File.CreateSymbolicLink(folder["link.onnx"], model);
        Assert.Equal(ExitCode.Usage, Tool.Run(["purify", model, "--clean", Samples(folder), "--out", folder["link.onnx"], .. Short]).Code);
    }

    [Fact]
    public void One_name_for_model_and_report_is_refused()
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--out", folder["both.json"], "--report", folder["both.json"], .. Short]);
        Assert.Equal(ExitCode.Usage, run.Code);
    }

    [Theory]
    [InlineData("missing/out.onnx")]
    [InlineData("clean.npz/out.onnx")]
    [InlineData("")]
    public void An_output_that_cannot_be_written_is_found_before_the_training(string output)
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--out", Path.Combine(folder.Path, output), .. Short]);
        Assert.Equal(ExitCode.Output, run.Code);
        Assert.DoesNotContain("epoch", run.Error, StringComparison.Ordinal);
        Assert.Equal(["clean.npz"], folder.Files);
    }

    [Fact]
    public void Test_samples_that_do_not_fit_are_found_before_the_training()
    {
        using var folder = new ScratchFolder();
        NpzFile.Write(folder["test.npz"], [new("x", new NpyArray(new byte[3072], 1, 32, 32, 3)), new("y", new NpyArray(new long[] { 12 }, 1))]);
        var run = Tool.Run(["purify", Model, "--clean", Samples(folder), "--test", folder["test.npz"], "--out", folder["out.onnx"], .. Short]);
        Assert.Equal(ExitCode.Data, run.Code);
        Assert.Contains("label 12", run.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_of_one_class_are_refused()
    {
        using var folder = new ScratchFolder();
        NpzFile.Write(folder["one.npz"], [new("x", new NpyArray(new byte[2 * 3072], 2, 32, 32, 3)), new("y", new NpyArray(new long[] { 1, 1 }, 2))]);
        var run = Tool.Run(["purify", Model, "--clean", folder["one.npz"], "--out", folder["out.onnx"], .. Short]);
        Assert.Equal(ExitCode.Data, run.Code);
        Assert.Equal(["one.npz"], folder.Files);
    }

    [Fact]
    public void Interrupting_the_process_leaves_nothing_behind()
    {
        using var folder = new ScratchFolder();
        using var process = Tool.Start("purify", Model, "--clean", Tool.Example("clean500.npz"), "--normalization", "CIFAR-10", "--device", "cpu",
            "--out", folder["out.onnx"], "--report", folder["report.json"]);
        // The first line about an epoch says that training is under way.
        Assert.Contains("epoch 1/20", process.StandardError.ReadLine(), StringComparison.Ordinal);
        // Not INT, though the tool treats both alike: below a shell's background job, that one is ignored from the start.
        using (var kill = System.Diagnostics.Process.Start("kill", ["-TERM", $"{process.Id}"]))
            kill.WaitForExit();
        var rest = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(ExitCode.Cancelled, process.ExitCode);
        Assert.Contains("cancelled; nothing was written.", rest, StringComparison.Ordinal);
        Assert.Empty(folder.Files);
    }
}
