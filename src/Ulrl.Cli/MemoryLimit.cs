using System.Globalization;
using System.Runtime.InteropServices;

namespace Ulrl.Cli;

/// <summary>
/// Keeps the process within the memory that is free: a model can be written to need any amount, and what then fails is
/// one allocation with an error, rather than this process or another one by the system's choice.
/// </summary>
internal static class MemoryLimit
{
    private const int DataResource = 2;

    /// <summary>Sets the limit on Linux, unless there is an NVIDIA device: its driver maps far more address space than it uses.</summary>
    public static void Apply()
    {
        if (!OperatingSystem.IsLinux() || File.Exists("/dev/nvidiactl"))
            return;
        var free = Math.Min(FreeBytes(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        // A refusal leaves the process as it was: without a limit.
        var limit = new ResourceLimit { Soft = (nuint)free, Hard = nuint.MaxValue };
        _ = SetLimit(DataResource, limit);
    }

    private static long FreeBytes()
    {
        const string Key = "MemAvailable:";
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            if (line.StartsWith(Key, StringComparison.Ordinal))
                return long.Parse(line.AsSpan(Key.Length).TrimEnd("kB ").Trim(), NumberStyles.None, CultureInfo.InvariantCulture) * 1024;
        }

        return long.MaxValue;
    }

    [DllImport("libc", EntryPoint = "setrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetLimit(int resource, in ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
