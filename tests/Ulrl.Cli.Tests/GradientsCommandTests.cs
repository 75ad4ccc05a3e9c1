using Ulrl.Training.Data;

namespace Ulrl.Cli.Tests;

public class GradientsCommandTests
{
    private static readonly string Model = Tool.Example("preact_badnet_t0.onnx");

    private static string Batch(ScratchFolder folder, int count = 8, long label = -1)
    {
        var samples = DataSetReader.Read(Tool.Example("clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(count);
        var labels = samples.Labels.Select(l => label < 0 ? l : label).ToArray();
        NpzFile.Write(folder["batch.npz"], [new("input", new NpyArray(samples.Values, count, 3, 32, 32)), new("labels", new NpyArray(labels, count))]);
        return folder["batch.npz"];
    }

    [Fact]
    public void It_writes_loss_logits_and_one_gradient_per_parameter()
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run("gradients", Model, "--batch", Batch(folder), "--mode", "eval", "--out", folder["out.npz"], "--device", "cpu", "--json");
        Assert.Equal(ExitCode.Success, run.Code);
        using var file = NpzFile.Open(folder["out.npz"]);
        Assert.Equal(32, file.Names.Count);
        Assert.Equal([8, 10], file.Read("logits").Shape);
        Assert.Equal(run.Json.GetProperty("loss").GetSingle(), Assert.Single(file.Read("loss").ToSingles()));
        // Softmax minus one-hot sums to zero over the classes, so the gradient of the biases does.
        Assert.Equal(0, file.Read("grad/linear.bias").ToSingles().Sum(), 5);
        Assert.Contains(file.Read("grad/conv1.weight").ToSingles(), v => Math.Abs(v) > 1e-4);
    }

    [Fact]
    public void A_label_beyond_the_classes_leaves_nothing_behind()
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run("gradients", Model, "--batch", Batch(folder, label: 10), "--mode", "train", "--out", folder["out.npz"], "--device", "cpu");
        Assert.Equal(ExitCode.Data, run.Code);
        Assert.Contains("label 10", run.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(["batch.npz"], folder.Files);
    }

    [Fact]
    public void An_input_is_not_replaced_by_accident()
    {
        using var folder = new ScratchFolder();
        var batch = Batch(folder);
        var run = Tool.Run("gradients", Model, "--batch", batch, "--mode", "train", "--out", Path.Combine(folder.Path, ".", "batch.npz"));
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("--force", run.ErrorLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-such-folder/out.npz")]
    [InlineData("batch.npz/out.npz")]
    [InlineData(".")]
    public void An_output_that_cannot_be_written_is_refused(string output)
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run("gradients", Model, "--batch", Batch(folder), "--mode", "train", "--out", Path.Combine(folder.Path, output));
        Assert.Equal(ExitCode.Output, run.Code);
        Assert.Contains("cannot be written", run.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(["batch.npz"], folder.Files);
    }

    [Theory]
    [InlineData("torchsharp", "UlrlEngine=torchsharp")]
    [InlineData("caffe", "give onnxruntime, torchsharp or auto")]
    public void An_engine_that_is_not_there_is_an_error_of_usage_that_says_what_to_do(string engine, string advice)
    {
        using var folder = new ScratchFolder();
        var run = Tool.Run("gradients", Model, "--batch", Batch(folder), "--mode", "eval", "--out", folder["out.npz"], "--engine", engine);
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains(advice, run.Error, StringComparison.Ordinal);
        Assert.Equal(["batch.npz"], folder.Files);
    }

    [Fact]
    public void The_engine_auto_computes_on_the_CPU_what_ONNX_Runtime_computes()
    {
        using var folder = new ScratchFolder();
        var batch = Batch(folder);
        foreach (var engine in new[] { "onnxruntime", "auto" })
        {
            var run = Tool.Run("gradients", Model, "--batch", batch, "--mode", "eval", "--out", folder[engine + ".npz"], "--device", "cpu", "--engine", engine);
            Assert.Equal(ExitCode.Success, run.Code);
        }

        Assert.Equal(File.ReadAllBytes(folder["onnxruntime.npz"]), File.ReadAllBytes(folder["auto.npz"]));
    }

    [Fact]
    public void A_cancelled_run_leaves_nothing_behind()
    {
        using var folder = new ScratchFolder();
        using var source = new CancellationTokenSource();
        source.Cancel();
        var run = Tool.Run(source.Token, "gradients", Model, "--batch", Batch(folder), "--mode", "train", "--out", folder["out.npz"], "--device", "cpu");
        Assert.Equal(ExitCode.Cancelled, run.Code);
        Assert.Equal(["batch.npz"], folder.Files);
    }
}
