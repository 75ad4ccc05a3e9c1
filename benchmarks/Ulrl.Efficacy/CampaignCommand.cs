using System.CommandLine;
using System.CommandLine.Parsing;
using Ulrl.Efficacy.Campaign;
using Ulrl.Efficacy.Methods;
using Ulrl.Efficacy.Victims;

namespace Ulrl.Efficacy;

/// <summary>The command line.</summary>
internal static class CampaignCommand
{
    private static readonly Option<string> Data = new("--data")
    {
        Description = "CIFAR-10: the published archive or what it unpacks to, a folder with train.npz and test.npz, or a zip of train/CLASS/NAME.jpg and test/CLASS/NAME.jpg.",
        Required = true,
    };

    private static readonly Option<string> Folder = new("--folder")
    {
        Description = "Where trained models and results are kept; the same command goes on from there.",
        DefaultValueFactory = _ => Path.Combine("artifacts", "efficacy"),
    };

    private static readonly Option<string?> Given = new("--given") { Description = "Folder of further models (.onnx) for CIFAR-10." };

    private static readonly Option<string?> Triggered = new("--triggered")
    {
        Description = "Folder of their triggered samples, NAME-triggered.npz; the folder of the models by default. A model without is taken as clean.",
    };

    private static readonly Option<string[]> Models = new("--models")
    {
        Description = "Models to take, by name; all by default. A name such as preact_badnets_t0_10 is trained where it is missing.",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string[]> Methods = Choice("--methods", MethodCatalog.Names, "Methods to compare.");

    private static readonly Option<string[]> Tables = Choice("--tables", EfficacyCampaign.Tables, "Models given, models trained, fewer samples.");

    private static readonly Option<int> Seeds = Number("--seeds", 5, 1, "Runs of every method on every model, with seeds from 0.");

    private static readonly Option<int> Threads = Number("--threads", 0, 0, "CPU threads; 0 for one per core.");

    private static readonly Option<int> TrainingSamples = Number("--training-samples", 20000, 500, "Clean training samples that are read.");

    private static readonly Option<int> CleanEpochs = Number("--clean-epochs", 6, 1, "Epochs that train a network on them from random weights.");

    private static readonly Option<int> PoisonedSamples = Number("--poisoned-samples", 10000, 100, "Samples, poisoned ones among them, that a backdoored model goes on with.");

    private static readonly Option<int> PoisonedEpochs = Number("--poisoned-epochs", 3, 1, "Its epochs on them.");

    private static readonly Option<bool> TrainOnly = new("--train-only") { Description = "Train what is missing and measure nothing." };

    private static readonly Option<bool> PrintOnly = new("--print-only") { Description = "Print the results there are and measure nothing." };

    public static RootCommand Create()
    {
        var command = new RootCommand("Trains backdoored CIFAR-10 classifiers, purifies them by several methods, and prints tables of what is left of the attack and of the classes.")
        {
            Data, Folder, Given, Triggered, Models, Methods, Tables, Seeds, Threads, TrainingSamples, CleanEpochs, PoisonedSamples, PoisonedEpochs, TrainOnly, PrintOnly,
        };
        command.SetAction((parsed, cancellation) =>
        {
            new EfficacyCampaign(Read(parsed), Console.Out, Console.Error.WriteLine, cancellation).Run();
            return Task.FromResult(0);
        });
        return command;
    }

    private static CampaignOptions Read(ParseResult parsed) => new()
    {
        Data = parsed.GetRequiredValue(Data),
        Folder = parsed.GetRequiredValue(Folder),
        Given = parsed.GetValue(Given),
        Triggered = parsed.GetValue(Triggered),
        Models = parsed.GetValue(Models) ?? [],
        Methods = parsed.GetRequiredValue(Methods),
        Tables = parsed.GetRequiredValue(Tables),
        Seeds = parsed.GetValue(Seeds),
        Threads = parsed.GetValue(Threads),
        TrainingSamples = parsed.GetValue(TrainingSamples),
        Schedule = new VictimSchedule(parsed.GetValue(CleanEpochs), parsed.GetValue(PoisonedSamples), parsed.GetValue(PoisonedEpochs), LearningRate: 0.05f, Seed: 0),
        TrainOnly = parsed.GetValue(TrainOnly),
        PrintOnly = parsed.GetValue(PrintOnly),
    };

    private static Option<string[]> Choice(string name, IReadOnlyList<string> values, string description) => new Option<string[]>(name)
    {
        Description = description,
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [.. values],
    }.AcceptOnlyFromAmong([.. values]);

    private static Option<int> Number(string name, int value, int least, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result => Check(result, name, least));
        return option;
    }

    private static void Check(OptionResult result, string name, int least)
    {
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var given) && given < least) result.AddError($"{name} is {given}; it must be {least} or more.");
    }
}
