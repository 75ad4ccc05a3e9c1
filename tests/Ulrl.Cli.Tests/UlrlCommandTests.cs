namespace Ulrl.Cli.Tests;

public class UlrlCommandTests
{
    [Theory]
    [InlineData("--help")]
    [InlineData("evaluate", "--help")]
    [InlineData("inspect", "-h")]
    [InlineData("gradients", "-?")]
    public void Help_is_printed_to_standard_output(params string[] args)
    {
        var run = Tool.Run(args);
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Contains("Usage:", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Help_documents_the_exit_codes() => Assert.Contains("Exit codes: 0 success", Tool.Run("--help").Output.ReplaceLineEndings(" "), StringComparison.Ordinal);

    [Fact]
    public void An_unknown_option_is_named()
    {
        var run = Tool.Run("inspect", "model.onnx", "--verbos");
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("--verbos", run.Error, StringComparison.Ordinal);
        Assert.Contains("See ulrl inspect --help.", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void A_misspelt_command_is_corrected()
    {
        var run = Tool.Run("inspct");
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("inspect", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_are_not_read_from_files()
    {
        var run = Tool.Run("inspect", "@model.onnx");
        Assert.Equal(ExitCode.Model, run.Code);
        Assert.Contains("@model.onnx", run.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_from_files_cannot_drive_the_terminal()
    {
        using var folder = new ScratchFolder();
        var escape = Tool.Run("inspect", folder.Write("escape.onnx", Renamed("\u001b[2J.weightt"u8)));
        Assert.Equal(ExitCode.Model, escape.Code);
        Assert.DoesNotContain('\u001b', escape.Output + escape.Error);

        var backwards = Tool.Run("inspect", folder.Write("backwards.onnx", Renamed("\u202e1.weightt"u8)));
        Assert.Equal(ExitCode.Success, backwards.Code);
        Assert.DoesNotContain('\u202e', backwards.Output + backwards.Error);
        Assert.Contains(@"\u{202e}1.weightt", backwards.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_process_prints_its_version()
    {
        var run = Tool.RunProcess("--version");
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Output);
    }

    [Fact]
    public void The_process_prints_JSON_alone_to_standard_output()
    {
        var run = Tool.RunProcess("evaluate", Tool.Example("preact_badnet_t0.onnx"), "--clean", Tool.Example("clean500.npz"), "--json");
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Equal(500, run.Json.GetProperty("samples").GetInt32());
        Assert.Contains("note: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_process_reports_errors_by_its_exit_code()
    {
        var run = Tool.RunProcess("inspect", "missing.onnx");
        Assert.Equal(ExitCode.Model, run.Code);
        Assert.StartsWith("ulrl: ", run.ErrorLine, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    // The example with another name, of as many bytes, for its first weight.
    private static byte[] Renamed(ReadOnlySpan<byte> name)
    {
        var bytes = File.ReadAllBytes(Tool.Example("preact_badnet_t0.onnx"));
        var given = "conv1.weight"u8;
        Assert.Equal(given.Length, name.Length);
        for (var at = bytes.AsSpan().IndexOf(given); at >= 0; at = bytes.AsSpan().IndexOf(given))
            name.CopyTo(bytes.AsSpan(at));
        return bytes;
    }
}
