using System.CommandLine;
using Ulrl.Training;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Purification.Reports;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary><c>ulrl purify</c>: removes a backdoor and says what that did.</summary>
internal sealed class PurifyCommand
{
    private readonly Terminal terminal;
    private readonly CancellationToken cancellationToken;
    private readonly Argument<string> model = CommonOptions.Model();
    private readonly Option<string> clean = SampleOptions.Clean();
    private readonly Option<string> output = new("--out") { Description = "Where to write the purified model.", HelpName = "FILE", Required = true };
    private readonly Option<string?> report = new("--report") { Description = "Where to write the report: .json or .html.", HelpName = "FILE" };
    private readonly Option<string?> test = new("--test") { Description = "Clean test samples to measure before and after; by default the samples of --clean.", HelpName = "DATA" };
    private readonly Option<string?> triggered = SampleOptions.Triggered();
    private readonly Option<int?> target = SampleOptions.Target();
    private readonly SampleOptions samples = new();
    private readonly SettingOptions settings = new();
    private readonly Option<Device> device = CommonOptions.Device();
    private readonly Option<TrainingEngine> engine = CommonOptions.Engine();
    private readonly Option<int> threads = CommonOptions.Threads();
    private readonly Option<bool> force = CommonOptions.Force();
    private readonly Option<bool> json = CommonOptions.Json();

    private PurifyCommand(Terminal terminal, CancellationToken cancellationToken)
    {
        this.terminal = terminal;
        this.cancellationToken = cancellationToken;
    }

    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var purify = new PurifyCommand(terminal, cancellationToken);
        var command = new Command("purify", "Removes a backdoor with a few clean samples: unlearns, finds the suspicious neurons, relearns. Writes the purified model and, if asked, a report.")
        {
            purify.model, purify.clean, purify.output, purify.report, purify.test, purify.triggered, purify.target,
        };
        purify.samples.AddTo(command);
        command.Options.Add(purify.device);
        command.Options.Add(purify.engine);
        command.Options.Add(purify.threads);
        purify.settings.AddTo(command);
        command.Options.Add(purify.force);
        command.Options.Add(purify.json);
        command.SetAction(purify.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var options = settings.Read(parsed) with { Device = parsed.GetRequiredValue(device), Engine = parsed.GetRequiredValue(engine), Threads = parsed.GetValue(threads) };
        var normalization = samples.Normalization(parsed);
        var (modelFile, reportFile) = CheckOutputs(parsed);

        var given = OnnxModel.Load(parsed.GetRequiredValue(model));
        var cleanSamples = SampleOptions.Read(parsed.GetRequiredValue(clean), normalization, terminal);
        NoteBlackPixels(cleanSamples, options);
        var testSamples = parsed.GetValue(test) is { } testPath ? SampleOptions.Read(testPath, normalization, terminal) : null;
        var triggeredSamples = parsed.GetValue(triggered) is { } triggeredPath ? SampleOptions.Read(triggeredPath, normalization, terminal) : null;
        cancellationToken.ThrowIfCancellationRequested();

        // Measured first: samples that do not fit should not be found out after the training.
        Func<OnnxModel, EvaluationResult>? measure = testSamples is null && triggeredSamples is null
            ? null
            : m => Measure(m, testSamples ?? cleanSamples, triggeredSamples, parsed.GetValue(target), options);
        var before = measure?.Invoke(given);
        var result = ProgressDisplay.Run(
            terminal, progress => Purifier.Purify(given, cleanSamples, options, progress, terminal.NoteAboveBars, cancellation: cancellationToken));
        var measured = before is null ? null : new EvaluationComparison((testSamples ?? cleanSamples).Source, before, measure!(result.Model));

        OutputFile.WriteAll(() => Write(result, measured, modelFile, reportFile), cancellationToken);
        if (parsed.GetValue(json))
            PurifyOutput.PrintJson(result.Report, measured, terminal, ("out", modelFile.Path), ("report", reportFile?.Path));
        else
            PurifyOutput.Print(result.Report, measured, modelFile.Path, reportFile?.Path, terminal);
        return ExitCode.Success;
    }

    private (OutputFile Model, OutputFile? Report) CheckOutputs(ParseResult parsed)
    {
        var inputs = new[] { parsed.GetValue(model), parsed.GetValue(clean), parsed.GetValue(test), parsed.GetValue(triggered) };
        string modelPath = parsed.GetRequiredValue(output);
        var reportPath = parsed.GetValue(report);
        if (reportPath is not null && !ReportWriter.IsSupported(reportPath))
            throw new UsageException($"'{reportPath}' is neither .json nor .html; give the report one of these endings.");
        var modelFile = OutputFile.Check(modelPath, parsed.GetValue(force), inputs);
        if (reportPath is null)
            return (modelFile, null);
        var reportFile = OutputFile.Check(reportPath, parsed.GetValue(force), inputs);
        return reportFile.IsSameAs(modelFile)
            ? throw new UsageException($"--out and --report both name '{reportPath}'; give two names.")
            : (modelFile, reportFile);
    }

    private EvaluationResult Measure(OnnxModel candidate, LabeledSamples cleanSamples, LabeledSamples? triggeredSamples, int? goal, PurificationOptions options)
    {
        using var evaluator = new Evaluator(candidate, options.Device, options.Threads);
        return evaluator.Evaluate(cleanSamples, triggeredSamples, goal, cancellationToken);
    }

    // The model comes last: where it is, all is well.
    private static void Write(PurificationResult result, EvaluationComparison? measured, OutputFile modelFile, OutputFile? reportFile)
    {
        if (reportFile is not null)
            ReportWriter.Write(reportFile.Path, result.Report, measured);
        try
        {
            result.Model.Save(modelFile.Path);
        }
        catch (UlrlException)
        {
            if (reportFile is not null)
                File.Delete(reportFile.Path);
            throw;
        }
    }

    private void NoteBlackPixels(LabeledSamples cleanSamples, PurificationOptions options)
    {
        if (options.CropPadding > 0 && cleanSamples.SampleShape.Length == 3 && cleanSamples.Normalization is null && cleanSamples.Values.Any(v => v is < 0 or > 1))
            terminal.Note($"{cleanSamples.Source}: random crops are padded with 0, since the normalisation of these samples is not known; --crop-padding 0 switches them off.");
    }
}
