using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Ulrl.Training;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>The settings of a purification as options: a preset, and what differs from it.</summary>
internal sealed class SettingOptions
{
    private readonly List<Option> options = [];
    private readonly List<Func<ParseResult, PurificationOptions, PurificationOptions>> changes = [];
    private readonly Option<string> preset = new("--preset")
    {
        Description = "Settings to start from: Balanced, which keeps every class; Published (as published for CIFAR-10), or the published ones for CIFAR-100, GTSRB, Tiny-ImageNet or MNIST.",
        HelpName = "NAME",
        DefaultValueFactory = _ => nameof(PurificationPreset.Balanced),
    };

    public SettingOptions()
    {
        options.Add(preset);
        Number("--seed", "Seed of every random number.", 0, int.MaxValue, (o, v) => o with { Seed = v });
        Number("--batch-size", "Samples per batch.", 2, 65536, (o, v) => o with { BatchSize = v });
        Number("--unlearning-runs", "Unlearning runs with other random numbers, which tell how sure the detection is.", 1, 100, (o, v) => o with { UnlearningRuns = v });
        Number("--unlearning-epochs", "Most epochs of unlearning.", 1, 100_000, (o, v) => o with { UnlearningEpochs = v });
        Number("--unlearning-lr", "Learning rate of unlearning.", 0f, float.MaxValue, (o, v) => o with { UnlearningLearningRate = v });
        Number("--weight-decay", "Weight decay of unlearning.", 0f, float.MaxValue, (o, v) => o with { UnlearningWeightDecay = v });
        Number("--clip-norm", "Largest global norm of the unlearning gradients.", 0f, float.MaxValue, (o, v) => o with { UnlearningClipNorm = v });
        Number("--clean-threshold", "Unlearning ends at this accuracy.", 0f, 1f, (o, v) => o with { CleanThreshold = v });
        Number("--suspicion-threshold", "Z-score above which a neuron is suspicious.", 0d, double.MaxValue, (o, v) => o with { SuspicionThreshold = v });
        Number("--max-suspicious", "Most neurons taken as suspicious.", 1, int.MaxValue, (o, v) => o with { MaxSuspiciousNeurons = v });
        Number("--relearning-epochs", "Epochs of relearning; half of them where the search found nothing to forget.", 1, 100_000, (o, v) => o with { RelearningEpochs = v });
        Number("--relearning-batches", "Least batches of a relearning epoch; it goes through fewer samples several times.", 1, 10_000, (o, v) => o with { RelearningBatches = v });
        Number("--relearning-lr", "Learning rate of relearning, annealed to 0.", 0f, float.MaxValue, (o, v) => o with { RelearningLearningRate = v });
        Switch("--restore-batch-norm", "Whether convolutions that lost their batch-norm by folding get one while they train.", (o, v) => o with { RestoreBatchNorm = v });
        Number("--perturbed-share", "Share of the samples that carry a perturbation toward a suspicious class; 0 for no search of any.", 0f, 1f, (o, v) => o with { PerturbedShare = v });
        Number("--mixed-share", "Share of the samples that are mixed with another one and have only the given model's answer.", 0f, 1f, (o, v) => o with { MixedShare = v });
        Number("--displaced-share", "Share of the relearning steps at weights displaced toward the unlearnt ones, where no perturbation leads to a suspicious class.", 0f, 1f, (o, v) => o with { DisplacedShare = v });
        Switch("--reflect", "Whether suspicious neurons start relearning with the opposite weights and keep them.", (o, v) => o with { Reflect = v });
        Number("--distillation-weight", "Weight of the distance to the given model's softened answers; 0 for none.", 0f, float.MaxValue, (o, v) => o with { DistillationWeight = v });
        Number("--distillation-temperature", "Temperature of the softened answers.", 0f, float.MaxValue, (o, v) => o with { DistillationTemperature = v });
        Number("--target-correction", "What is taken off the logit of a suspicious class at least, in those answers for samples that carry a perturbation toward it.", 0f, 20f, (o, v) => o with { TargetCorrection = v });
        Number("--alpha", "Weight of the cosine term of relearning.", 0f, float.MaxValue, (o, v) => o with { Alpha = v });
        Number("--momentum", "Momentum of both phases.", 0f, 1f, (o, v) => o with { Momentum = v });
        Switch("--reinitialize", "Whether suspicious neurons start relearning from random weights.", (o, v) => o with { Reinitialize = v });
        Number("--crop-padding", "Pixels of padding before the random crop; 0 for no crop.", 0, ushort.MaxValue, (o, v) => o with { CropPadding = v });
        Switch("--flip", "Whether images are mirrored at random.", (o, v) => o with { HorizontalFlip = v });
        Text(CommonOptions.Classifier(), (o, v) => o with { Classifier = v });
        Text(new Option<string?>("--output-name") { Description = "Model output that holds the logits; by default the first.", HelpName = "NAME" }, (o, v) => o with { OutputName = v });
    }

    public void AddTo(Command command)
    {
        foreach (var option in options)
            command.Options.Add(option);
    }

    /// <summary>The settings asked for.</summary>
    public PurificationOptions Read(ParseResult parsed)
    {
        try
        {
            var name = parsed.GetRequiredValue(preset);
            var presets = Enum.GetValues<PurificationPreset>().Where(p => name.Equals(p.ToString(), StringComparison.OrdinalIgnoreCase)).ToArray();
            var settings = presets.Length > 0 ? PurificationOptions.Preset(presets[0]) : PurificationOptions.Published(name);
            foreach (var change in changes)
                settings = change(parsed, settings);
            settings.Validate();
            return settings;
        }
        catch (UlrlException e)
        {
            throw new UsageException(e.Message);
        }
    }

    private void Number<T>(string name, string description, T least, T most, Func<PurificationOptions, T, PurificationOptions> change)
        where T : struct, INumber<T>
    {
        var parse = CommonOptions.Number(name, least, most);
        Add(new Option<T?>(name) { Description = description, HelpName = "N", CustomParser = result => parse(result) }, (o, v) => change(o, v!.Value));
    }

    private void Switch(string name, string description, Func<PurificationOptions, bool, PurificationOptions> change)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "on|off" };
        option.AcceptOnlyFromAmong("on", "off");
        Add(option, (o, v) => change(o, v == "on"));
    }

    private void Text(Option<string?> option, Func<PurificationOptions, string, PurificationOptions> change) => Add(option, (o, v) => change(o, v!));

    private void Add<T>(Option<T> option, Func<PurificationOptions, T, PurificationOptions> change)
    {
        options.Add(option);
        changes.Add((parsed, settings) => parsed.GetResult(option) is { Implicit: false } && parsed.GetValue(option) is { } value ? change(settings, value) : settings);
    }
}
