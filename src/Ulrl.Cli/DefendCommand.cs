using System.CommandLine;
using Ulrl.Cli.Defense;
using Ulrl.Training;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;
using Ulrl.Training.Records;
using Ulrl.Training.Runtime;

namespace Ulrl.Cli;

/// <summary><c>ulrl defend</c>: the authors' quick start, a BackdoorBench record in, the defence's results out.</summary>
internal sealed class DefendCommand
{
    private const string DeviceKey = "device";

    private readonly Terminal terminal;
    private readonly CancellationToken cancellation;
    private readonly List<Option> keys = [];
    private readonly Option<string?> yaml = new("--yaml_path") { Description = "Configuration file; options of the command line beat it, and an empty value in it is unset.", HelpName = "FILE" };
    private readonly Option<string> records = new("--record_path") { Description = "Folder with the records.", HelpName = "FOLDER", DefaultValueFactory = _ => "record" };
    private readonly Option<PurificationPreset> preset = new("--preset")
    {
        Description = "Settings to start from: Published, or Balanced, with which the relearning keys of the configuration file do not count.",
        HelpName = "NAME",
        DefaultValueFactory = _ => PurificationPreset.Published,
    };

    private readonly Option<int> testFrequency = new("--test_frequency")
    {
        Description = "Epochs between measures on the test sets; 0 for only before and after, which is much faster on a CPU.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
        CustomParser = CommonOptions.Number("--test_frequency", 0, 100_000),
    };

    private readonly Option<TrainingEngine> engine = CommonOptions.Engine();
    private readonly Option<int> threads = CommonOptions.Threads();
    private readonly Option<bool> json = CommonOptions.Json();

    private DefendCommand(Terminal terminal, CancellationToken cancellation)
    {
        this.terminal = terminal;
        this.cancellation = cancellation;
        foreach (var key in DefenseKey.All)
        {
            keys.Add(key.Name == "steplr_milestones"
                ? new Option<string[]>("--" + key.Name) { Description = key.Description, HelpName = key.Help, AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore }
                : new Option<string>("--" + key.Name) { Description = key.Description, HelpName = key.Help });
        }
    }

    public static Command Create(Terminal terminal, CancellationToken cancellation)
    {
        var defend = new DefendCommand(terminal, cancellation);
        var command = new Command("defend", "Runs the defence on a BackdoorBench record, record/NAME with its attack_result.pt, as the authors' script does. Writes its results to record/NAME/defense/ulrl/.")
        {
            defend.yaml,
        };
        foreach (var key in defend.keys)
            command.Options.Add(key);
        command.Options.Add(defend.records);
        command.Options.Add(defend.preset);
        command.Options.Add(defend.testFrequency);
        command.Options.Add(defend.engine);
        command.Options.Add(defend.threads);
        command.Options.Add(defend.json);
        command.SetAction(defend.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var yamlPath = parsed.GetValue(yaml);
        var file = yamlPath is null ? new Dictionary<string, string>() : YamlSettings.Read(yamlPath);
        var commandLine = CommandLine(parsed);
        var settings = DefenseSettings.Read(commandLine, file, yamlPath, parsed.GetValue(preset));
        settings = settings with { Purification = settings.Purification with { Engine = parsed.GetRequiredValue(engine), Threads = parsed.GetValue(threads) } };

        var folder = Path.Combine([parsed.GetRequiredValue(records), .. settings.Record]);
        var record = BackdoorBenchRecord.Load(folder);
        if (record.CleanData != settings.DataSet.Name)
            throw new UsageException($"the record was made with data set {PlainText.Name(record.CleanData)}, and {settings.DataSet.Name} is asked for; give --dataset {PlainText.Name(record.CleanData)}.");
        if (record.Classes != settings.DataSet.Classes || !record.ImageShape.SequenceEqual(settings.DataSet.ImageShape))
            throw new RecordException($"'{folder}': the record has {record.Classes} classes of images [{string.Join(", ", record.ImageShape)}], data set {settings.DataSet.Name} has {settings.DataSet.Classes} of [{string.Join(", ", settings.DataSet.ImageShape)}]; the record is damaged or of another data set");

        using var output = new OutputFolder(folder, "defense", "ulrl");
        PurificationReport report;
        EvaluationComparison measured;
        try
        {
            using var log = new DefenseLog(output[DefenseLog.NameNow()], terminal);
            LogSettings(log, commandLine, file, yamlPath);
            log.Info($"record: {folder}, model {record.ModelName}, {record.Classes} classes, {record.Checkpoint.Tensors.Count} tensors; {(record.Train is { } train ? $"{train.PoisonedCount} of {train.Images.Count} training samples were poisoned" : "no poisoned training samples are listed")}");
            (report, measured) = new DefenseRun(settings, record, parsed.GetValue(testFrequency), output, log, terminal, cancellation).Execute();
        }
        catch (DeviceException e) when (!commandLine.ContainsKey(DeviceKey) && file.TryGetValue(DeviceKey, out var device))
        {
            throw new DeviceException($"{e.Message.TrimEnd('.')}; or give --{DeviceKey} auto in place of the configuration file's {PlainText.Name(device)}.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What is read has errors of its own.
            throw new OutputException($"the results cannot be written to '{output.Path}': {e.Message.TrimEnd('.')}; make room there.", e);
        }

        OutputFile.WriteAll(() => output.Publish(DefenseRun.ResultFile), cancellation);
        if (parsed.GetValue(json))
            PurifyOutput.PrintJson(report, measured, terminal, ("out", output.Path));
        else
            PurifyOutput.Print(report, measured, Path.Combine(output.Path, "purified.onnx"), Path.Combine(output.Path, "report.html"), terminal);
        return ExitCode.Success;
    }

    private Dictionary<string, string> CommandLine(ParseResult parsed) =>
        keys.Where(key => parsed.GetResult(key) is { Implicit: false })
            .ToDictionary(key => key.Name[2..], key => string.Join(' ', parsed.GetResult(key)!.Tokens.Select(token => token.Value)), StringComparer.Ordinal);

    private static void LogSettings(DefenseLog log, Dictionary<string, string> commandLine, IReadOnlyDictionary<string, string> file, string? yamlPath)
    {
        var values = new DefenseValues(commandLine, file, yamlPath);
        foreach (var key in values.Unknown)
            log.Note($"'{yamlPath}' sets {PlainText.Name(key)}, which the defence does not know; it is ignored.");
        foreach (var key in DefenseKey.All.Where(key => values.Text(key.Name) is not null))
            log.Info($"{key.Name}: {values.Text(key.Name)}{(key.IsUsed ? "" : " (no effect here)")}");
    }
}
