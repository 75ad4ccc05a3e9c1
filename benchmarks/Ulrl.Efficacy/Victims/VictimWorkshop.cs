using Ulrl.Efficacy.Attacks;
using Ulrl.Efficacy.Campaign;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.Efficacy.Victims;

/// <summary>
/// Trains the models that are not in its folder yet. Every network is trained from random weights on clean samples once; the backdoored
/// models go on from there on poisoned ones, with the learning rate up again and the trigger where the attacker puts it: not augmented.
/// </summary>
/// <param name="folder">Where models and triggered samples lie.</param>
/// <param name="train">Training samples as stored, values from 0 to 1.</param>
/// <param name="test">Test samples as stored.</param>
/// <param name="schedule">How long to train.</param>
/// <param name="threads">CPU threads; 0 for one per core.</param>
/// <param name="say">Told what goes on, line by line.</param>
/// <param name="cancellation">Stops between steps; what is finished stays.</param>
internal sealed class VictimWorkshop(
    string folder, LabeledSamples train, LabeledSamples test, VictimSchedule schedule, int threads, Action<string> say, CancellationToken cancellation)
{
    private const int TriggeredSamples = 1000;
    private static readonly ChannelNormalization Normalization = ChannelNormalization.Cifar10;

    /// <summary>Name of a network's clean model.</summary>
    public static string CleanName(string network) => $"{network}_none";

    /// <summary>Path of a model, trained where it is missing.</summary>
    /// <param name="name">Name of a clean or of a backdoored model.</param>
    public string Make(string name) =>
        VictimNetwork.Names.FirstOrDefault(network => CleanName(network) == name) is { } clean ? Clean(clean) : Backdoored(Victim.Parse(name));

    /// <summary>Path of the clean model of a network, trained where it is missing.</summary>
    public string Clean(string network)
    {
        var name = CleanName(network);
        var path = VictimFiles.Model(folder, name);
        if (File.Exists(path)) return path;
        var start = RandomInitialization.Of(VictimNetwork.Create(network), schedule.Seed);
        Train(name, start, train, new TrainingPlan(schedule.CleanEpochs, schedule.LearningRate, Augments: true, schedule.Seed)).Save(path);
        return path;
    }

    /// <summary>Path of a backdoored model, trained where it is missing; its triggered samples lie beside it.</summary>
    public string Backdoored(Victim victim)
    {
        var path = VictimFiles.Model(folder, victim.Name);
        if (File.Exists(path)) return path;
        var start = OnnxModel.Load(Clean(victim.Network));
        var attack = AttackCatalog.Create(victim.Attack, new AttackContext(start, train, Normalization, threads));
        var poisoned = Poisoner.Poison(train.Take(schedule.PoisonedSamples), VictimNetwork.Classes, attack, new PoisonPlan(victim.Target, victim.Rate, schedule.Seed));
        say($"{victim.Name}: {poisoned.Poisoned.Count} poisoned samples and {poisoned.Covers.Count} covers of {poisoned.Samples.Count}.");
        VictimFiles.WriteImages(VictimFiles.Triggered(folder, victim.Name), Poisoner.Trigger(test, attack, victim.Target, TriggeredSamples));
        (attack as IDisposable)?.Dispose();
        var model = Train(victim.Name, start, poisoned.Samples, new TrainingPlan(schedule.PoisonedEpochs, schedule.LearningRate, Augments: false, schedule.Seed));
        Say(victim.Name, model);
        model.Save(path);
        return path;
    }

    private void Say(string name, OnnxModel model)
    {
        var triggered = SubjectCatalog.ReadTriggered(VictimFiles.Triggered(folder, name));
        var measures = Measures.Of(model, test.Normalize(Normalization), triggered, threads, cancellation);
        say(FormattableString.Invariant($"{name}: clean accuracy {measures.CleanAccuracy:0.000}, attack success {measures.AttackSuccess:0.000}."));
    }

    private OnnxModel Train(string name, OnnxModel start, LabeledSamples samples, TrainingPlan plan)
    {
        void Done(EpochReport epoch) => say(FormattableString.Invariant($"{name}: epoch {epoch.Epoch} of {plan.Epochs}, accuracy {epoch.Accuracy:0.000}."));
        return VictimTrainer.Train(start, samples.Normalize(Normalization), plan, threads, Done, cancellation);
    }
}
