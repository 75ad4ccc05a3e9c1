using System.Diagnostics;

namespace Ulrl.MLNet.Benchmarks;

/// <summary>Wall and CPU seconds of one pass over the data.</summary>
internal readonly record struct Timing(double Wall, double Cpu)
{
    public static Timing Of(Action pass)
    {
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        pass();
        var wall = watch.Elapsed.TotalSeconds;
        process.Refresh();
        return new Timing(wall, (process.TotalProcessorTime - cpu).TotalSeconds);
    }
}
