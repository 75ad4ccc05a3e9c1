using System.Runtime.InteropServices;

namespace Ulrl.Cli;

/// <summary>
/// Turns Ctrl-C and SIGTERM into cancellation. What does not stop by itself within a moment, such as a model that is
/// expensive to run, is cut short; only the writing of results, which takes an instant, is always waited for.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Terminal terminal;
    private Timer? timer;

    public Interruption(Terminal terminal)
    {
        this.terminal = terminal;
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt),
        ];
    }

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        timer?.Dispose();
        source.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        if (source.IsCancellationRequested)
            return;
        timer = new Timer(_ => CutShort(), null, Patience, Patience);
        source.Cancel();
    }

    private void CutShort()
    {
        if (OutputFile.IsWriting)
            return;
        var left = OutputFolder.DiscardUnfinished();
        terminal.ShowCursor();
        terminal.Fail(left is null ? UlrlCommand.CancelledMessage : $"cancelled; '{left}' could not be removed, so delete it.");
        terminal.Error.Flush();
        // An ordinary exit would unload the runtime under its running threads.
        if (OperatingSystem.IsWindows())
            Environment.Exit(ExitCode.Cancelled);
        else
            ExitAtOnce(ExitCode.Cancelled);
    }

    [DllImport("libc", EntryPoint = "_exit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void ExitAtOnce(int code);
}
