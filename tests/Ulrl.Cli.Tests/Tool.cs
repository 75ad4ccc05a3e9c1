using System.Diagnostics;
using System.Text.Json;

namespace Ulrl.Cli.Tests;

/// <summary>Runs the tool, inside the test process or as a process of its own.</summary>
internal static class Tool
{
    public static string Example(string file) => Path.Combine(AppContext.BaseDirectory, "TestData", "cifar10-badnet", file);

    public static ToolRun Run(params string[] args) => Run(CancellationToken.None, args);

    public static ToolRun Run(CancellationToken cancellationToken, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = UlrlCommand.Run(args, new Terminal(output, error), cancellationToken);
        return new ToolRun(code, output.ToString(), error.ToString());
    }

    public static ToolRun RunProcess(params string[] args)
    {
        using var process = Start(args);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ToolRun(process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    public static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "ulrl.dll"));
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }
}

/// <summary>What a run of the tool left.</summary>
internal sealed record ToolRun(int Code, string Output, string Error)
{
    /// <summary>Standard output, which must be one JSON document.</summary>
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Output);
            return document.RootElement.Clone();
        }
    }

    /// <summary>Standard error, which must be one line.</summary>
    public string ErrorLine
    {
        get
        {
            Assert.Equal(1, Error.Count(c => c == '\n'));
            return Error.TrimEnd();
        }
    }
}
