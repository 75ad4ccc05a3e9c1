using System.CommandLine;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary>The options of <c>ulrl inspect</c> that look for a backdoor with clean samples.</summary>
internal sealed class DetectionOptions
{
    private readonly Option<string?> clean = new("--clean") { Description = "Clean labelled samples, to say how likely the model is backdoored.", HelpName = "DATA" };
    private readonly SampleOptions samples = new();
    private readonly Option<int> runs = Number("--unlearning-runs", "Unlearning runs with other random numbers.", 3, 1, 100);
    private readonly Option<int> seed = Number("--seed", "Seed of every random number.", 0, 0, int.MaxValue);
    private readonly Option<Device> device = CommonOptions.Device();
    private readonly Option<int> threads = CommonOptions.Threads();

    public void AddTo(Command command)
    {
        command.Options.Add(clean);
        samples.AddTo(command);
        command.Options.Add(runs);
        command.Options.Add(seed);
        command.Options.Add(device);
        command.Options.Add(threads);
    }

    /// <summary>The normalisation asked for; null for none.</summary>
    public ChannelNormalization? Normalization(ParseResult parsed) => samples.Normalization(parsed);

    /// <summary>Looks for a backdoor; null where no clean samples are given.</summary>
    public BackdoorDetection? Detect(
        ParseResult parsed, OnnxModel model, string? classifier, ChannelNormalization? normalization, Terminal terminal, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(clean) is not { } path)
            return null;
        var options = new PurificationOptions
        {
            UnlearningRuns = parsed.GetValue(runs),
            Seed = parsed.GetValue(seed),
            Device = parsed.GetRequiredValue(device),
            Threads = parsed.GetValue(threads),
            Classifier = classifier,
        };
        var progress = new ProgressLines(terminal);
        var found = Purifier.Detect(model, SampleOptions.Read(path, normalization, terminal), options, progress, terminal.Note, cancellationToken);
        progress.Finish();
        return found;
    }

    private static Option<int> Number(string name, string description, int value, int least, int most) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => value,
        CustomParser = CommonOptions.Number(name, least, most),
    };
}
