using Ulrl.Efficacy.Victims;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Campaign;

/// <summary>The models of a campaign.</summary>
internal static class SubjectCatalog
{
    private const string Folded = "-folded";


    /// <summary>
    /// The models that the campaign trains: every attack at 10 % on both networks, two of them at 5 % and 1 % and all-to-all, and both
    /// networks clean.
    /// </summary>
    public static IReadOnlyList<string> Trained =>
    [
        .. VictimNetwork.Names.Select(VictimWorkshop.CleanName),
        .. VictimNetwork.Names.SelectMany(network => Attacks.AttackCatalog.Names.Select(attack => new Victim(network, attack, 0, 0.1).Name)),
        .. VictimNetwork.Names.SelectMany(network => InSeveralRates.SelectMany(attack =>
            new[] { new Victim(network, attack, 0, 0.05), new Victim(network, attack, 0, 0.01), new Victim(network, attack, null, 0.1) }.Select(v => v.Name))),
    ];

    /// <summary>The attacks that models are also trained with at other rates and all-to-all: a patch and a trigger on the whole image.</summary>
    public static IReadOnlyList<string> InSeveralRates { get; } = ["badnets", "blended"];

    /// <summary>Whether a model has its batch-norm folded into the convolutions.</summary>
    public static bool IsFolded(string name) => name.EndsWith(Folded, StringComparison.Ordinal);

    /// <summary>Whether a name is that of a model that can be trained with a backdoor; others have fewer parts.</summary>
    public static bool IsVictim(string name) => name.Count(c => c == '_') == 3;

    /// <summary>The models of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="triggered">Folder of their triggered samples; a model with folded batch-norm has those of the plain one.</param>
    /// <exception cref="UlrlException">There is no such folder, or no model in it.</exception>
    public static IReadOnlyList<Subject> Given(string folder, string triggered)
    {
        if (!Directory.Exists(folder)) throw new UlrlException($"'{folder}' is no folder; give one with models (.onnx).");
        var subjects = Directory.GetFiles(folder, "*.onnx").Order(StringComparer.Ordinal).Select(path =>
        {
            var name = Path.GetFileNameWithoutExtension(path);
            var plain = IsFolded(name) ? name[..^Folded.Length] : name;
            return new Subject(name, path, ReadTriggered(VictimFiles.Triggered(triggered, plain)));
        }).ToArray();
        return subjects.Length > 0 ? subjects : throw new UlrlException($"'{folder}' holds no models (.onnx); give the folder of the models.");
    }

    /// <summary>Normalised triggered samples; null where there is no such file, which makes a clean model.</summary>
    public static LabeledSamples? ReadTriggered(string path) =>
        File.Exists(path) ? DataSetReader.Read(path).Normalize(ChannelNormalization.Cifar10) : null;
}
