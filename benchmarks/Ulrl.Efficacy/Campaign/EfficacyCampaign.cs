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
    private const int TestSamples = 5000;

    public static IReadOnlyList<string> Tables => [GivenTable, AttacksTable, SamplesTable];

    /// <summary>Runs the campaign.</summary>
    /// <exception cref="UlrlException">A model is not known, or something cannot be read or written.</exception>
    public void Run()
    {
        Directory.CreateDirectory(ModelFolder);
        var allGiven = options.Given is { } folder ? SubjectCatalog.Given(folder, options.Triggered ?? folder) : [];
        CheckNames(allGiven);
        Subject[] given = [.. allGiven.Where(s => IsChosen(s.Name))];
        var file = new ResultFile(Path.Combine(options.Folder, "results.jsonl"));
        IMethod[] methods = [.. options.Methods.Select(MethodCatalog.Find)];
        if (options.PrintOnly)
        {
            Print([.. Cases(given, Trained(null), methods)], file, given);
            return;
        }

        var data = ImageData.Read(options.Data, VictimNetwork.Classes, options.TrainingSamples, TestSamples);
        var trained = Trained(new VictimWorkshop(ModelFolder, data.Train, data.Test, options.Schedule, options.Threads, say, cancellation));
        if (options.TrainOnly) return;
        Case[] cases = [.. Cases(given, trained, methods)];
        var runner = new CaseRunner(data.Train.Normalize(ChannelNormalization.Cifar10), data.Test.Normalize(ChannelNormalization.Cifar10), file, options.Threads, say, cancellation);
        foreach (var item in cases) runner.Run(item);
        Print(cases, file, given);
    }

    private string ModelFolder => Path.Combine(options.Folder, "models");

    private bool IsChosen(string name) => options.Models.Count == 0 || options.Models.Contains(name, StringComparer.Ordinal);

    // Results are kept by the names of models.
    private void CheckNames(IReadOnlyList<Subject> given)
    {
        var twice = given.FirstOrDefault(s => SubjectCatalog.Trained.Contains(s.Name) || SubjectCatalog.IsVictim(s.Name));
        if (twice is not null) throw new UlrlException($"'{twice.Path}' has the name of a model that is trained here; rename it.");
        foreach (var name in options.Models.Where(n => !SubjectCatalog.Trained.Contains(n) && given.All(s => s.Name != n))) _ = Victim.Parse(name);
    }

    // The models of the campaign and those that are named besides; without a workshop the ones that are there.
    private Subject[] Trained(VictimWorkshop? workshop)
    {
        if (!options.Tables.Contains(AttacksTable)) return [];
        var subjects = new List<Subject>();
        foreach (var name in SubjectCatalog.Trained.Concat(options.Models.Where(SubjectCatalog.IsVictim)).Distinct().Where(IsChosen))
        {
            var path = workshop?.Make(name) ?? VictimFiles.Model(ModelFolder, name);
            if (File.Exists(path)) subjects.Add(new Subject(name, path, SubjectCatalog.ReadTriggered(VictimFiles.Triggered(ModelFolder, name))));
        }

        return [.. subjects];
    }

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
        markdown.Detection("Detection", [.. results.Where(r => MethodCatalog.Find(r.Method) is PresetMethod)]);
        var missing = cases.Length - results.Length;
        if (missing > 0) output.WriteLine(FormattableString.Invariant($"{missing} of {cases.Length} runs have no result yet."));
    }
}
