namespace Ulrl.Cli.Tests;

public class InspectCommandTests
{
    private static readonly string Model = Tool.Example("preact_badnet_t0.onnx");

    [Fact]
    public void It_describes_the_example()
    {
        var run = Tool.Run("inspect", Model);
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Empty(run.Error);
        Assert.Contains("input: Float[batch,3,32,32]", run.Output, StringComparison.Ordinal);
        Assert.Contains("linear.weight", run.Output, StringComparison.Ordinal);
        Assert.Contains("linear.weight: 10 neurons of 128 weights", run.Output, StringComparison.Ordinal);
        Assert.Matches("can be purified +yes", run.Output);
    }

    [Fact]
    public void It_describes_the_example_as_JSON()
    {
        var run = Tool.Run("inspect", Model, "--json");
        Assert.Equal(10, run.Json.GetProperty("classes").GetInt32());
        Assert.Equal(13, run.Json.GetProperty("opsets").GetProperty("ai.onnx").GetInt32());
        Assert.True(run.Json.GetProperty("canBePurified").GetBoolean());
        Assert.Equal(308122, run.Json.GetProperty("trainableCount").GetInt64());
    }

    [Fact]
    public void With_clean_samples_it_says_whether_the_model_is_backdoored()
    {
        string[] args = ["inspect", Model, "--clean", Tool.Example("clean500.npz"), "--normalization", "CIFAR-10", "--unlearning-runs", "2", "--device", "cpu"];
        var run = Tool.Run([.. args, "--json"]);
        Assert.Equal(ExitCode.Success, run.Code);
        var found = run.Json.GetProperty("detection");
        Assert.True(found.GetProperty("backdoored").GetBoolean());
        Assert.InRange(found.GetProperty("confidence").GetDouble(), 0.9, 1);
        Assert.Equal(0, Assert.Single(found.GetProperty("neurons").EnumerateArray()).GetInt32());
        Assert.InRange(found.GetProperty("runs").GetArrayLength(), 1, 2);
        Assert.Equal(2, found.GetProperty("reach").GetArrayLength());
        Assert.InRange(found.GetProperty("reach")[0].GetProperty("share").GetDouble(), 0.9, 1);
        Assert.Equal("Sparse", found.GetProperty("reach")[0].GetProperty("kind").GetString());
        var search = run.Error.Split('\n').Where(l => l.StartsWith("search 2/4 step ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(5, search.Length);
        Assert.StartsWith("search 2/4 step 180/180, up to 0.0 s left", search[^1], StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, Tool.Run([.. args, "--unlearning-runs", "0"]).Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(600_000)]
    [InlineData(1_243_924)]
    public void A_truncated_model_is_refused_in_one_line(int length)
    {
        using var folder = new ScratchFolder();
        var path = folder.Write("cut.onnx", File.ReadAllBytes(Model)[..length]);
        var run = Tool.Run("inspect", path);
        Assert.Equal(ExitCode.Model, run.Code);
        Assert.Contains("cut.onnx", run.ErrorLine, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void A_file_that_is_no_model_is_refused()
    {
        Assert.Equal(ExitCode.Model, Tool.Run("inspect", Tool.Example("test1000.npz")).Code);
        Assert.Equal(ExitCode.Model, Tool.Run("inspect", "no-such-model.onnx").Code);
        Assert.Equal(ExitCode.Model, Tool.Run("inspect", AppContext.BaseDirectory).Code);
    }

    [Fact]
    public void A_shape_that_is_no_shape_is_an_error_of_usage()
    {
        var run = Tool.Run("inspect", Model, "--sample-shape", "3,x");
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("'3,x' is no shape", run.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_cannot_be_purified_is_described_and_has_an_exit_code()
    {
        var run = Tool.Run("inspect", Model, "--sample-shape", "3,16,16", "--json");
        Assert.Equal(ExitCode.Model, run.Code);
        Assert.False(run.Json.GetProperty("canBePurified").GetBoolean());
        Assert.Single(run.Json.GetProperty("refusals").EnumerateArray());
    }
}
