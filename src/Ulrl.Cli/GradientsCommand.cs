using System.CommandLine;
using System.Globalization;
using Ulrl.Cli.Documents;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary><c>ulrl gradients</c>: loss, logits and gradients of one batch, to compare with another framework.</summary>
internal static class GradientsCommand
{
    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var model = CommonOptions.Model();
        var batch = new Option<string>("--batch") { Description = "The batch, .npz: 'input' as the model takes it (floats, normalised), 'labels' (integers).", HelpName = "FILE.npz", Required = true };
        var mode = new Option<string>("--mode") { Description = "Batch-norm by the batch's statistics (train) or by its running ones (eval). Dropout is off in both.", Required = true, HelpName = "train|eval" };
        mode.AcceptOnlyFromAmong("train", "eval");
        var output = new Option<string>("--out") { Description = "Where to write 'loss', 'logits' and 'grad/<initializer>'.", HelpName = "FILE.npz", Required = true };
        var force = CommonOptions.Force();
        var device = CommonOptions.Device();
        var engine = CommonOptions.Engine();
        var threads = CommonOptions.Threads();
        var json = CommonOptions.Json();
        var command = new Command("gradients", "Computes the gradient of the mean cross-entropy of one batch by every trainable initializer.")
        {
            model, batch, mode, output, force, device, engine, threads, json,
        };
        command.SetAction(parsed =>
        {
            string modelPath = parsed.GetRequiredValue(model), batchPath = parsed.GetRequiredValue(batch);
            var file = OutputFile.Check(parsed.GetRequiredValue(output), parsed.GetValue(force), modelPath, batchPath);
            var loaded = OnnxModel.Load(modelPath);
            var samples = ReadBatch(batchPath);
            cancellationToken.ThrowIfCancellationRequested();
            var modeName = parsed.GetRequiredValue(mode);
            var result = GradientCalculator.Compute(
                loaded, samples.Values, samples.SampleShape, samples.Labels,
                modeName == "train" ? NetworkMode.Train : NetworkMode.Evaluate, parsed.GetRequiredValue(device), parsed.GetValue(threads), parsed.GetRequiredValue(engine));
            OutputFile.WriteAll(() => NpzFile.Write(file.Path, Arrays(result, samples.Count)), cancellationToken);
            if (parsed.GetValue(json))
                DocumentWriter.Write(terminal, new GradientsDocument(file.Path, modeName, samples.Count, result.Classes, result.Loss, result.Gradients.Count), DocumentWriter.Default.GradientsDocument);
            else
                Print(result, samples, file, terminal);
            return ExitCode.Success;
        });
        return command;
    }

    private static LabeledSamples ReadBatch(string path)
    {
        using var file = NpzFile.Open(path);
        var labels = file.Read("labels");
        if (!labels.IsInteger || labels.Shape.Length != 1)
            throw new DataSetException($"'{path}': array 'labels' must hold one integer per sample.");
        var input = file.Read("input");
        if (!input.IsFloat || input.Shape.Length < 2 || input.Shape[0] != labels.Shape[0])
            throw new DataSetException($"'{path}': array 'input' holds {input.ElementType.Name} values of shape [{string.Join(", ", input.Shape)}]; floats of shape [{labels.Shape[0]}, …] are expected, one sample per label.");
        var classes = labels.ToInt64s();
        if (Array.FindIndex(classes, l => l is < 0 or > int.MaxValue) is >= 0 and var bad)
            throw new DataSetException($"'{path}': sample {bad} has label {classes[bad]}; labels must be 0 to {int.MaxValue}.");
        return new LabeledSamples(input.ToSingles(), input.Shape[1..], Array.ConvertAll(classes, l => (int)l), source: $"'{path}'");
    }

    private static IEnumerable<KeyValuePair<string, NpyArray>> Arrays(GradientResult result, int samples)
    {
        yield return new("loss", new NpyArray(new[] { result.Loss }));
        yield return new("logits", new NpyArray(result.Logits, samples, result.Classes));
        foreach (var (name, (shape, values)) in result.Gradients)
            yield return new("grad/" + name, new NpyArray(values, [.. shape.Select(d => (int)d)]));
    }

    private static void Print(GradientResult result, LabeledSamples samples, OutputFile file, Terminal terminal)
    {
        var facts = new Facts();
        facts.Add("loss", result.Loss.ToString("G9", CultureInfo.InvariantCulture));
        facts.Add("logits", $"{samples.Count} × {result.Classes}");
        facts.Add("gradients", $"{result.Gradients.Count}");
        facts.Add("written to", file.Path);
        facts.Print(terminal);
    }
}
