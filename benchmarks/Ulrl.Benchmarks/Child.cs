using System.ComponentModel;
using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Ulrl.Training;

namespace Ulrl.Benchmarks;

/// <summary>Runs programs in processes of their own, so that each has its own peak memory and a fresh start.</summary>
internal static class Child
{
    /// <summary>How both halves write their JSON.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Takes a measurement of Ulrl on an engine: this program again, by its hidden command.</summary>
    public static Measurement Ulrl(string engine, params string[] arguments)
    {
        var program = Environment.ProcessPath!;
        var isHost = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        string[] prefix = isHost ? [Assembly.GetExecutingAssembly().Location, "measure"] : ["measure"];
        return Measure(program, [.. prefix, .. arguments, "--engine", engine]);
    }

    /// <summary>Takes a measurement of PyTorch.</summary>
    public static Measurement Torch(string python, params string[] arguments) => Measure(python, [Repository.Peer, .. arguments]);

    /// <summary>Runs a program to its end.</summary>
    /// <returns>The first line it printed, the seconds until then, and the seconds until it had ended.</returns>
    /// <exception cref="UlrlException">The program cannot be started or fails.</exception>
    public static (string Line, double AnswerSeconds, double Seconds) Run(string program, IEnumerable<string> arguments)
    {
        var watch = Stopwatch.StartNew();
        using var process = Start(program, arguments);
        var errors = process.StandardError.ReadToEndAsync();
        var line = process.StandardOutput.ReadLine() ?? "";
        var answered = watch.Elapsed.TotalSeconds;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var seconds = watch.Elapsed.TotalSeconds;
        if (process.ExitCode == 0) return (line, answered, seconds);
        var complaint = errors.Result.TrimEnd().Split('\n')[^1].Trim();
        throw new UlrlException(complaint.Length > 0 ? complaint : $"'{program}' ended with exit code {process.ExitCode} and no message.");
    }

    private static Measurement Measure(string program, IEnumerable<string> arguments)
    {
        var (line, answered, _) = Run(program, arguments);
        return JsonSerializer.Deserialize<Measurement>(line, Json)! with { AnswerSeconds = answered };
    }

    private static Process Start(string program, IEnumerable<string> arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception e)
        {
            throw new UlrlException($"'{program}' cannot be started; name a Python interpreter that has PyTorch with --python.", e);
        }
    }
}
