using System.CommandLine;
using System.CommandLine.Invocation;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training;

namespace Ulrl.Cli;

/// <summary>The root command: parses, runs, and turns every outcome into an exit code.</summary>
internal static class UlrlCommand
{
    public const string CancelledMessage = "cancelled; nothing was written.";

    public static int Run(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        try
        {
            var root = Create(terminal, cancellationToken);
            // Arguments are taken as they are: no @file expansion, no bundled flags.
            var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
            return parsed.Action is ParseErrorAction ? Misused(parsed, terminal) : parsed.Invoke(Configuration(terminal.Out, terminal.Error));
        }
        catch (Exception e)
        {
            var (code, message) = Explain(e);
            terminal.Fail(message);
            return code;
        }
    }

    private static RootCommand Create(Terminal terminal, CancellationToken cancellationToken) =>
        new("Removes backdoors from ONNX image classifiers by unlearning and relearning (ULRL). " + ExitCode.Help)
        {
            PurifyCommand.Create(terminal, cancellationToken),
            InspectCommand.Create(terminal, cancellationToken),
            EvaluateCommand.Create(terminal, cancellationToken),
            GradientsCommand.Create(terminal, cancellationToken),
            ConvertCommand.Create(terminal, cancellationToken),
            DefendCommand.Create(terminal, cancellationToken),
        };

    private static InvocationConfiguration Configuration(TextWriter output, TextWriter error) => new()
    {
        Output = output,
        Error = error,
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null,
    };

    private static int Misused(ParseResult parsed, Terminal terminal)
    {
        ((ParseErrorAction)parsed.Action!).ShowHelp = false;
        parsed.Invoke(Configuration(terminal.Error, terminal.Error));
        var command = parsed.CommandResult.Command is RootCommand ? "ulrl" : "ulrl " + parsed.CommandResult.Command.Name;
        terminal.Error.WriteLine($"See {command} --help.");
        return ExitCode.Usage;
    }

    private static (int Code, string Message) Explain(Exception error) => error switch
    {
        OperationCanceledException => (ExitCode.Cancelled, CancelledMessage),
        UsageException => (ExitCode.Usage, error.Message),
        InvalidModelException or CheckpointException or ArchitectureException => (ExitCode.Model, error.Message),
        DataSetException or RecordException => (ExitCode.Data, error.Message),
        DeviceException => (ExitCode.Device, error.Message),
        OutputException => (ExitCode.Output, error.Message),
        OnnxRuntimeException => (ExitCode.Model, "ONNX Runtime fails on the model: " + error.Message),
        UlrlException => (ExitCode.Unexpected, error.Message),
        OutOfMemoryException => (ExitCode.Unexpected, "there is not enough memory; use a smaller batch or fewer samples."),
        _ => (ExitCode.Unexpected, $"unexpected error, please report it: {error.GetType().Name}: {error.Message}"),
    };
}
