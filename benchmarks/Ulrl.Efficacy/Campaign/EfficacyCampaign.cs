using Ulrl.Efficacy.Data;
using Ulrl.Efficacy.Methods;
using Ulrl.Efficacy.Victims;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Campaign;

/// <summary>Trains models, purifies them and prints tables. What is finished is kept in a folder, and a second start goes on from there.</summary>
/// <param name="options">What to do.</param>
/// <param name="output">Where the tables go.</param>
/// <param name="say">Told what goes on, line by line.</param>
/// <param name="cancellation">Stops between steps.</param>
internal sealed class EfficacyCampaign(CampaignOptions options, TextWriter output, Action<string> say, CancellationToken cancellation)
{
    public const string GivenTable = "given";
    public const string AttacksTable = "attacks";
    public const string SamplesTable = "samples";
    private const int TestSamples = 2000;

    public static IReadOnlyList<string> Tables => [GivenTable, AttacksTable, SamplesTable];

    /// <summary>Runs the campaign.</summary>
    public void Run()
    {
        Directory.CreateDirectory(ModelFolder);
        var data = ImageData.Read(options.Data, VictimNetwork.Classes, options.TrainingSamples, TestSamples);
        var given = options.Given is { } folder ? Chosen(SubjectCatalog.Given(folder, options.Triggered ?? folder)) : [];
        var trained = Trained(data);
        if (options.TrainOnly) return;

        var file = new ResultFile(Path.Combine(options.Folder, "results.jsonl"));
        IMethod[] methods = [.. options.Methods.Select(MethodCatalog.Find)];
        Case[] cases = [.. Cases(given, trained, methods)];
        if (!options.PrintOnly)
        {
            var runner = new CaseRunner(data.Train.Normalize(ChannelNormalization.Cifar10), data.Test.Normalize(ChannelNormalization.Cifar10), file, options.Threads, say, cancellation);
            foreach (var item in cases) runner.Run(item);
        }

        Print(cases, file, given);
    }

    private string ModelFolder => Path.Combine(options.Folder, "models");

    private Subject[] Chosen(IReadOnlyList<Subject> subjects) => [.. subjects.Where(s => options.Models.Count == 0 || options.Models.Contains(s.Name, StringComparer.Ordinal))];

    // A model that is named and has no file is trained, where tables of trained models are asked for.
    private Subject[] Trained(ImageData data)
    {
        if (!options.Tables.Contains(AttacksTable)) return [];
        var workshop = new VictimWorkshop(ModelFolder, data.Train, data.Test, options.Schedule, options.Threads, say, cancellation);
        var subjects = new List<Subject>();
        foreach (var name in SubjectCatalog.Trained.Concat(options.Models.Where(IsVictim)).Distinct().Where(n => options.Models.Count == 0 || options.Models.Contains(n, StringComparer.Ordinal)))
        {
            var network = VictimNetwork.Names.FirstOrDefault(n => SubjectCatalog.CleanName(n) == name);
            var path = VictimFiles.Model(ModelFolder, name);
            if (!options.PrintOnly) path = network is not null ? workshop.Clean(network) : workshop.Backdoored(Victim.Parse(name));
            if (File.Exists(path)) subjects.Add(new Subject(name, path, SubjectCatalog.ReadTriggered(VictimFiles.Triggered(ModelFolder, name))));
        }

        return [.. subjects];
    }

    private static bool IsVictim(string name) => name.Count(c => c == '_') == 3;

    // Seed by seed, so that a campaign that is cut off has a part of everything.
    private IEnumerable<Case> Cases(Subject[] given, Subject[] trained, IMethod[] methods)
    {
        for (var seed = 0; seed < options.Seeds; seed++)
        {
            foreach (var method in methods)
            {
                if (options.Tables.Contains(GivenTable))
                {
                    foreach (var subject in given) yield return new Case(subject, method, CleanSet.Usual, seed);
                }

                foreach (var subject in trained) yield return new Case(subject, method, CleanSet.Usual, seed);
            }

            if (!options.Tables.Contains(SamplesTable)) continue;
            foreach (var method in methods.Where(m => m is PresetMethod))
            {
                foreach (var subject in WithFewerSamples(given, trained))
                {
                    foreach (var set in CleanSet.Others) yield return new Case(subject, method, set, seed);
                }
            }
        }
    }

    // Backdoored models with batch-norm in their graph: the given ones, or of the trained ones those with the two triggers that come in several rates.
    private static IEnumerable<Subject> WithFewerSamples(Subject[] given, Subject[] trained) => given.Length > 0
        ? given.Where(s => s.Triggered is not null && !SubjectCatalog.IsFolded(s.Name))
        : trained.Where(s => SubjectCatalog.InSeveralRates.Any(attack => s.Name.EndsWith($"_{attack}_t0_10", StringComparison.Ordinal)));

    private void Print(Case[] cases, ResultFile file, Subject[] given)
    {
        Result[] results =
        [
            .. cases.Select(c => file.Find(c.Subject.Name, c.Method.Name, CaseRunner.Fingerprint(c.Method), c.CleanSet, c.Seed)).OfType<Result>(),
        ];
        var names = given.Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        var markdown = new Markdown(output);
        Result[] usual = [.. results.Where(r => r.CleanSet == CleanSet.Usual)];
        Result[] backdoored = [.. usual.Where(r => r.Before.AttackSuccess is not null)];
        markdown.Compare("Given models, 500 clean samples", [.. backdoored.Where(r => names.Contains(r.Model))]);
        markdown.Compare("Trained models, 500 clean samples", [.. backdoored.Where(r => !names.Contains(r.Model))]);
        markdown.Compare("Fewer and imbalanced clean samples", [.. results.Where(r => r.CleanSet != CleanSet.Usual)]);
        markdown.Compare("Models without a backdoor", [.. usual.Where(r => r.Before.AttackSuccess is null)]);
        markdown.Detection("Flagged classes", [.. results.Where(r => MethodCatalog.Find(r.Method) is PresetMethod)]);
        var missing = cases.Length - results.Length;
        if (missing > 0) output.WriteLine(FormattableString.Invariant($"{missing} of {cases.Length} runs have no result yet."));
    }
}
