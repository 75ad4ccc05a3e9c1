using Ulrl.Training.Data;

namespace Ulrl.Cli.Tests;

public class EvaluateCommandTests
{
    private static readonly string Model = Tool.Example("preact_badnet_t0.onnx");
    private static readonly string Clean = Tool.Example("test1000.npz");
    private static readonly string Triggered = Tool.Example("triggered.npz");

    [Fact]
    public void It_measures_the_example()
    {
        var run = Tool.Run("evaluate", Model, "--clean", Clean, "--triggered", Triggered, "--target", "0",
            "--mean", ".4914,.4822,.4465", "--std", ".247,.243,.261", "--device", "cpu");
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Empty(run.Error);
        Assert.Contains("clean accuracy       0.814", run.Output, StringComparison.Ordinal);
        Assert.Contains("attack success       0.938", run.Output, StringComparison.Ordinal);
        Assert.Contains("robust accuracy      0.055", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void It_measures_the_example_as_JSON_and_takes_the_target_from_the_samples()
    {
        var json = Tool.Run("evaluate", Model, "--clean", Clean, "--triggered", Triggered, "--normalization", "CIFAR-10", "--json").Json;
        Assert.Equal(0.814, json.GetProperty("cleanAccuracy").GetDouble(), 9);
        Assert.Equal(10, json.GetProperty("classes").GetArrayLength());
        Assert.Equal(849 / 905.0, json.GetProperty("attack").GetProperty("attackSuccessRate").GetDouble(), 9);
        Assert.Equal(0, json.GetProperty("attack").GetProperty("target").GetInt32());
    }

    [Fact]
    public void Pixels_without_normalisation_are_used_as_they_are_and_a_note_says_so()
    {
        var run = Tool.Run("evaluate", Model, "--clean", Clean, "--device", "cpu");
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.StartsWith("note: ", run.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("no --mean and --std are given", run.ErrorLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--mean", ".5,.5,.5")]
    [InlineData("--normalization", "CIFAR-11")]
    [InlineData("--mean", "a,b,c", "--std", "1,1,1")]
    [InlineData("--mean", "0,0,0", "--std", "1,0,1")]
    [InlineData("--normalization", "CIFAR-10", "--mean", "0", "--std", "1")]
    [InlineData("--target", "-1")]
    [InlineData("--target", "one")]
    [InlineData("--threads", "-1")]
    [InlineData("--batch-size", "0")]
    [InlineData("--device", "tpu")]
    [InlineData("--clen", "x")]
    public void Nonsense_on_the_command_line_is_an_error_of_usage(params string[] options)
    {
        var run = Tool.Run(["evaluate", Model, "--clean", Clean, .. options]);
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Empty(run.Output);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_is_not_there_has_its_own_exit_code()
    {
        var run = Tool.Run("evaluate", Model, "--clean", Clean, "--normalization", "CIFAR-10", "--device", "cuda:7");
        Assert.Equal(ExitCode.Device, run.Code);
        Assert.Contains("cuda:7", run.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_that_are_missing_or_damaged_or_do_not_fit_are_errors_of_data()
    {
        using var folder = new ScratchFolder();
        var cut = folder.Write("cut.npz", File.ReadAllBytes(Clean)[..5000]);
        var nan = folder["nan.npz"];
        NpzFile.Write(nan, [new("x", new NpyArray(Enumerable.Repeat(float.NaN, 3072).ToArray(), 1, 3, 32, 32)), new("y", new NpyArray(new long[] { 1 }, 1))]);
        var label = folder["label.npz"];
        NpzFile.Write(label, [new("x", new NpyArray(new byte[3072], 1, 32, 32, 3)), new("y", new NpyArray(new long[] { 10 }, 1))]);
        var shape = folder["shape.npz"];
        NpzFile.Write(shape, [new("x", new NpyArray(new byte[784], 1, 28, 28, 1)), new("y", new NpyArray(new long[] { 1 }, 1))]);
        foreach (var path in new[] { folder["missing.npz"], cut, nan, label, shape })
        {
            var run = Tool.Run("evaluate", Model, "--clean", path, "--mean", "0", "--std", "1", "--device", "cpu");
            Assert.Equal(ExitCode.Data, run.Code);
            Assert.Contains(Path.GetFileName(path), run.ErrorLine, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_cancelled_run_says_so()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var run = Tool.Run(source.Token, "evaluate", Model, "--clean", Clean, "--normalization", "CIFAR-10", "--device", "cpu");
        Assert.Equal(ExitCode.Cancelled, run.Code);
        Assert.Contains("cancelled", run.ErrorLine, StringComparison.Ordinal);
    }
}
