using System.CommandLine;
using System.Globalization;
using Ulrl.Cli.Documents;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Checkpoints.TorchScript;

namespace Ulrl.Cli;

/// <summary><c>ulrl convert</c>: a PyTorch or safetensors checkpoint of a known architecture as an ONNX model.</summary>
internal static class ConvertCommand
{
    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "The checkpoint: a file of torch.save (.pt, .pth) or of TorchSharp (.dat), .safetensors, or a traced network of torch.jit.save." };
        var arch = new Option<string?>("--arch")
        {
            Description = "The architecture; by default the one that a BackdoorBench checkpoint names. Known: " + string.Join(", ", Architecture.Names) + ".",
            HelpName = "NAME",
        };
        var number = CommonOptions.Number("--classes", 2, 1_000_000);
        var classes = new Option<int?>("--classes") { Description = "Number of classes; by default the one that a BackdoorBench checkpoint names.", HelpName = "N", CustomParser = result => number(result) };
        var shape = new Option<string?>("--input-shape") { Description = "Shape of one image; by default the one that a BackdoorBench checkpoint names, else 3,32,32. A traced network needs it.", HelpName = "C,H,W" };
        var output = new Option<string>("--out") { Description = "Where to write the model.", HelpName = "FILE.onnx", Required = true };
        var force = CommonOptions.Force();
        var json = CommonOptions.Json();
        var command = new Command("convert", "Writes a PyTorch, TorchSharp or safetensors checkpoint of a known architecture, or a traced network of TorchScript, as an ONNX model. Nothing in the file is run.")
        {
            checkpoint, arch, classes, shape, output, force, json,
        };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(checkpoint);
            var given = parsed.GetValue(shape) is { } text ? CommonOptions.ParseShape(text) : null;
            var file = OutputFile.Check(parsed.GetRequiredValue(output), parsed.GetValue(force), path);
            if (TorchScriptArchive.IsArchive(path))
            {
                if (parsed.GetValue(arch) is not null || parsed.GetValue(classes) is not null) throw new UsageException($"'{path}' is a traced network, which says itself what it consists of; leave out --arch and --classes.");
                var traced = Traced(path, given ?? throw new UsageException($"'{path}' is a traced network, which does not say what it reads; give --input-shape."), file, cancellationToken);
                Report(traced, parsed.GetValue(json), terminal);
                return ExitCode.Success;
            }

            var loaded = TorchCheckpoint.Load(path);
            var architecture = Architecture.Create(
                parsed.GetValue(arch) ?? loaded.ModelName ?? throw new UsageException($"'{path}' does not name its architecture; give --arch with one of {string.Join(", ", Architecture.Names)}."),
                parsed.GetValue(classes) ?? (int?)loaded.ClassCount ?? throw new UsageException($"'{path}' does not say how many classes it has; give --classes."),
                given ?? loaded.ImageShape);
            cancellationToken.ThrowIfCancellationRequested();
            var model = architecture.Build(loaded.ToStateDict());
            OutputFile.WriteAll(() => model.Save(file.Path), cancellationToken);
            Report(new ConversionDocument(file.Path, loaded.Format.ToString(), architecture.Name, architecture.Classes, architecture.InputShape, model.Initializers.Sum(v => v.ElementCount)), parsed.GetValue(json), terminal);
            return ExitCode.Success;
        });
        return command;
    }

    private static ConversionDocument Traced(string path, IReadOnlyList<int> shape, OutputFile file, CancellationToken cancellationToken)
    {
        var archive = TorchScriptArchive.Load(path);
        var model = archive.ToOnnx([1, .. shape.Select(d => (long)d)]);
        OutputFile.WriteAll(() => model.Save(file.Path), cancellationToken);
        var classes = model.Outputs[0].Dimensions?[^1].Value ?? 0;
        return new ConversionDocument(file.Path, "TorchScript", archive.ClassName, (int)classes, shape, model.Initializers.Sum(v => v.ElementCount));
    }

    private static void Report(ConversionDocument conversion, bool json, Terminal terminal)
    {
        if (json)
        {
            DocumentWriter.Write(terminal, conversion, DocumentWriter.Default.ConversionDocument);
            return;
        }

        var facts = new Facts();
        facts.Add("checkpoint", conversion.Format switch
        {
            nameof(CheckpointFormat.SafeTensors) => "safetensors",
            nameof(CheckpointFormat.TorchLegacy) => "torch.save, older layout",
            nameof(CheckpointFormat.TorchZip) => "torch.save",
            _ => conversion.Format,
        });
        facts.Add("architecture", $"{conversion.Architecture} with {conversion.Classes} classes");
        facts.Add("input", $"input: float32 [batch, {string.Join(", ", conversion.InputShape)}]");
        facts.Add("values", conversion.Values.ToString("N0", CultureInfo.InvariantCulture));
        facts.Add("written to", conversion.Out);
        facts.Print(terminal);
    }
}
