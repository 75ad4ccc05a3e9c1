using System.Runtime.InteropServices;

namespace Ulrl.Cli;

/// <summary>
/// Turns Ctrl-C and SIGTERM into cancellation. A second signal ends the process at once, except while results are
/// being written, which takes an instant and is never cut short.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public Interruption() => registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt),
    ];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        source.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        if (source.IsCancellationRequested && !OutputFile.IsWriting)
            return;
        context.Cancel = true;
        source.Cancel();
    }
}
