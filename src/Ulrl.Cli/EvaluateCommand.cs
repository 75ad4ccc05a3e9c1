using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Ulrl.Cli.Documents;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;

namespace Ulrl.Cli;

/// <summary><c>ulrl evaluate</c>: measures a model on clean and triggered samples.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var model = CommonOptions.Model();
        var clean = SampleOptions.Clean();
        var triggered = SampleOptions.Triggered();
        var target = SampleOptions.Target();
        var samples = new SampleOptions();
        var batch = new Option<int>("--batch-size") { Description = "Samples per run.", HelpName = "N", DefaultValueFactory = _ => 128, CustomParser = CommonOptions.Number("--batch-size", 1, 65536) };
        var device = CommonOptions.Device();
        var threads = CommonOptions.Threads();
        var json = CommonOptions.Json();
        var command = new Command("evaluate", "Measures accuracy overall and per class, and with triggered samples attack success and robust accuracy.")
        {
            model, clean, triggered, target, batch, device, threads, json,
        };
        samples.AddTo(command);
        command.SetAction(parsed =>
        {
            var normalization = samples.Normalization(parsed);
            var loaded = OnnxModel.Load(parsed.GetRequiredValue(model));
            var cleanSamples = SampleOptions.Read(parsed.GetRequiredValue(clean), normalization, terminal);
            var triggeredSamples = parsed.GetValue(triggered) is { } path ? SampleOptions.Read(path, normalization, terminal) : null;
            cancellationToken.ThrowIfCancellationRequested();
            using var evaluator = new Evaluator(loaded, parsed.GetRequiredValue(device), parsed.GetValue(threads), parsed.GetValue(batch), terminal.Note);
            var result = evaluator.Evaluate(cleanSamples, triggeredSamples, parsed.GetValue(target), cancellationToken);
            if (parsed.GetValue(json))
                DocumentWriter.Write(terminal, EvaluationDocument.Of(result), DocumentWriter.Default.EvaluationDocument);
            else
                Print(result, terminal);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(EvaluationResult result, Terminal terminal)
    {
        var facts = new Facts();
        facts.Add("clean accuracy", $"{Tables.Share(result.Clean.Accuracy)}   {result.Clean.Correct} of {result.Clean.Count} clean samples");
        facts.Add("mean cross-entropy", result.Clean.MeanCrossEntropy.ToString("0.0000", CultureInfo.InvariantCulture));
        if (result.Attack is { } attack)
        {
            var left = attack.LeftOut > 0 ? $" ({attack.LeftOut} of class {attack.Target} left out)" : "";
            facts.Add("attack success", $"{Tables.Share(attack.AttackSuccessRate)}   {attack.ToTarget} of {attack.Count} triggered samples go to class {attack.Target}{left}");
            facts.Add("robust accuracy", $"{Tables.Share(attack.RobustAccuracy)}   {attack.ToTrueClass} of {attack.Count} triggered samples go to their true class");
        }

        facts.Print(terminal);
        var table = Tables.Create("Accuracy per class");
        foreach (var heading in new[] { "class", "samples", "correct", "accuracy" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var c in result.Clean.Classes)
            table.AddTexts($"{c.Class}", $"{c.Count}", $"{c.Correct}", Tables.Share(c.Accuracy));
        terminal.Write(table);
    }
}
