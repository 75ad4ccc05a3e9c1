using System.CommandLine;
using System.Globalization;
using Ulrl.Cli.Documents;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.Architectures;

namespace Ulrl.Cli;

/// <summary><c>ulrl convert</c>: a PyTorch or safetensors checkpoint of a known architecture as an ONNX model.</summary>
internal static class ConvertCommand
{
    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var checkpoint = new Argument<string>("CHECKPOINT") { Description = "The checkpoint: a file of torch.save (.pt, .pth) or of TorchSharp (.dat), or .safetensors." };
        var arch = new Option<string?>("--arch")
        {
            Description = "The architecture; by default the one that a BackdoorBench checkpoint names. Known: " + string.Join(", ", Architecture.Names) + ".",
            HelpName = "NAME",
        };
        var number = CommonOptions.Number("--classes", 2, 1_000_000);
        var classes = new Option<int?>("--classes") { Description = "Number of classes; by default the one that a BackdoorBench checkpoint names.", HelpName = "N", CustomParser = result => number(result) };
        var shape = new Option<string?>("--input-shape") { Description = "Shape of one image; by default the one that a BackdoorBench checkpoint names, else 3,32,32.", HelpName = "C,H,W" };
        var output = new Option<string>("--out") { Description = "Where to write the model.", HelpName = "FILE.onnx", Required = true };
        var force = CommonOptions.Force();
        var json = CommonOptions.Json();
        var command = new Command("convert", "Writes a PyTorch, TorchSharp or safetensors checkpoint of a known architecture as an ONNX model. Nothing in the checkpoint is run.")
        {
            checkpoint, arch, classes, shape, output, force, json,
        };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(checkpoint);
            var given = parsed.GetValue(shape) is { } text ? CommonOptions.ParseShape(text) : null;
            var file = OutputFile.Check(parsed.GetRequiredValue(output), parsed.GetValue(force), path);
            var loaded = TorchCheckpoint.Load(path);
            var architecture = Architecture.Create(
                parsed.GetValue(arch) ?? loaded.ModelName ?? throw new UsageException($"'{path}' does not name its architecture; give --arch with one of {string.Join(", ", Architecture.Names)}."),
                parsed.GetValue(classes) ?? (int?)loaded.ClassCount ?? throw new UsageException($"'{path}' does not say how many classes it has; give --classes."),
                given ?? loaded.ImageShape);
            cancellationToken.ThrowIfCancellationRequested();
            var model = architecture.Build(loaded.ToStateDict());
            OutputFile.WriteAll(() => model.Save(file.Path), cancellationToken);
            var parameters = model.Initializers.Sum(i => i.ElementCount);
            if (parsed.GetValue(json))
                DocumentWriter.Write(terminal, new ConversionDocument(file.Path, loaded.Format.ToString(), architecture.Name, architecture.Classes, architecture.InputShape, parameters), DocumentWriter.Default.ConversionDocument);
            else
                Print(architecture, loaded.Format, parameters, file, terminal);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(Architecture architecture, CheckpointFormat format, long parameters, OutputFile file, Terminal terminal)
    {
        var facts = new Facts();
        facts.Add("checkpoint", format switch { CheckpointFormat.SafeTensors => "safetensors", CheckpointFormat.TorchLegacy => "torch.save, older layout", CheckpointFormat.TorchSharp => "TorchSharp", _ => "torch.save" });
        facts.Add("architecture", $"{architecture.Name} with {architecture.Classes} classes");
        facts.Add("input", $"input: float32 [batch, {string.Join(", ", architecture.InputShape)}]");
        facts.Add("values", parameters.ToString("N0", CultureInfo.InvariantCulture));
        facts.Add("written to", file.Path);
        facts.Print(terminal);
    }
}
