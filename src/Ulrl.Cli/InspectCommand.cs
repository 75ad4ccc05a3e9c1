using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Ulrl.Cli.Documents;
using Ulrl.Training.Purification;
using Ulrl.Training.Onnx;

namespace Ulrl.Cli;

/// <summary><c>ulrl inspect</c>: what a model is and whether it can be purified.</summary>
internal static class InspectCommand
{
    public static Command Create(Terminal terminal, CancellationToken cancellationToken)
    {
        var model = CommonOptions.Model();
        var json = CommonOptions.Json();
        var shape = new Option<string?>("--sample-shape")
        {
            Description = "Shape of one sample, for a model that leaves dimensions open, for example 3,32,32.",
            HelpName = "D,D,D",
        };
        var classifier = CommonOptions.Classifier();
        var detection = new DetectionOptions();
        var command = new Command("inspect", "Shows inputs, outputs, the classifier layer, the trainable parameters, and what is refused and why; with clean samples also how sure it is that the model is backdoored. Exit code 3 if the model cannot be purified.")
        {
            model, classifier, shape, json,
        };
        detection.AddTo(command);
        command.SetAction(parsed =>
        {
            var given = parsed.GetValue(shape) is { } text ? CommonOptions.ParseShape(text) : null;
            var normalization = detection.Normalization(parsed);
            var loaded = OnnxModel.Load(parsed.GetRequiredValue(model));
            var found = ModelInspector.Inspect(loaded, given, parsed.GetValue(classifier));
            var backdoor = found.CanBePurified ? detection.Detect(parsed, loaded, parsed.GetValue(classifier), normalization, terminal, cancellationToken) : null;
            if (parsed.GetValue(json))
                DocumentWriter.Write(terminal, InspectionDocument.Of(found, backdoor), DocumentWriter.Default.InspectionDocument);
            else
                Print(found, backdoor, terminal);
            return found.CanBePurified ? ExitCode.Success : ExitCode.Model;
        });
        return command;
    }

    private static void Print(ModelInspection found, BackdoorDetection? backdoor, Terminal terminal)
    {
        var model = found.Model;
        var facts = new Facts();
        facts.Add("model", $"{model.SourcePath} (ONNX file format {model.IrVersion}{(model.ProducerName.Length > 0 ? ", by " + PlainText.Name(model.ProducerName) : "")})");
        facts.Add("opset", string.Join(", ", model.Opsets.Select(o => $"{(o.Key.Length == 0 ? "ai.onnx" : PlainText.Name(o.Key))} {o.Value}")));
        foreach (var input in model.Inputs)
            facts.Add("input", PlainText.Name(input.ToString()));
        foreach (var output in model.Outputs)
            facts.Add("output", PlainText.Name(output.ToString()));
        if (found.LogitsName is not null && found.LogitsName != found.OutputName)
            facts.Add("logits", PlainText.Name(found.LogitsName) + " (the model ends in Softmax)");
        if (found.Classes is { } classes)
            facts.Add("classes", $"{classes}");
        if (found.Classifier is { } layer)
            facts.Add("classifier layer", $"{PlainText.Name(layer.Weight)}: {layer.Classes} neurons of {layer.Features} weights ({layer.Operator} node '{PlainText.Name(layer.Node)}'{(layer.Bias is null ? ", no biases" : "")})");
        facts.Add("initializers", $"{model.Initializers.Count} with {Count(model.Initializers.Sum(i => i.ElementCount))} values");
        facts.Add("trainable", $"{found.Trainable.Count} with {Count(found.TrainableCount)} parameters");
        facts.Add("can be purified", found.CanBePurified ? "yes" : "no");
        if (backdoor is not null)
            facts.Add("backdoor", DetectionText.Of(backdoor));
        facts.Print(terminal);
        foreach (var refusal in found.Refusals)
            terminal.WriteLine("refused: " + PlainText.Line(refusal));
        if (found.Trainable.Count > 0)
            terminal.Write(Parameters(found.Trainable));
    }

    private static Table Parameters(IReadOnlyList<OnnxInitializer> trainable)
    {
        var table = Tables.Create("Trainable parameters");
        table.AddColumn("initializer");
        table.AddColumn("type");
        table.AddColumn("shape");
        table.AddColumn(new TableColumn("values").RightAligned());
        foreach (var initializer in trainable)
            table.AddTexts(PlainText.Name(initializer.Name), initializer.ElementType.ToString(), string.Join(" × ", initializer.Shape), Count(initializer.ElementCount));
        return table;
    }

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
