using Ulrl.Efficacy.Attacks;
using Ulrl.Efficacy.Campaign;
using Ulrl.Efficacy.Methods;
using Ulrl.Efficacy.Victims;
using Ulrl.Training;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Tests.Campaign;

public sealed class CampaignTests
{
    private static readonly LabeledSamples Test = Example.TestImages.Normalize(ChannelNormalization.Cifar10);

    [Fact]
    public void Smaller_clean_sets_are_part_of_larger_ones()
    {
        var larger = CleanSet.Draw("250", Example.Images, 10);
        var smaller = CleanSet.Draw("100", Example.Images, 10);

        Assert.Equal(250, larger.Count);
        Assert.Equal(larger.Labels[..100], smaller.Labels);
        Assert.Equal(larger.Values[..smaller.Values.Length], smaller.Values);
    }

    [Fact]
    public void An_imbalanced_clean_set_has_a_rare_and_a_frequent_class()
    {
        var many = new LabeledSamples(new float[4000], [1], [.. Enumerable.Range(0, 4000).Select(i => i % 10)]);

        var counts = CleanSet.Draw(CleanSet.Imbalanced, many, 10).Labels.CountBy(l => l).Select(p => p.Value).Order().ToArray();

        Assert.Equal(10, counts.Length);
        Assert.InRange(counts.Sum(), 495, 505);
        Assert.InRange((double)counts[^1] / counts[0], 8, 12);
    }

    [Fact]
    public void All_to_all_success_counts_the_next_class()
    {
        var triggered = Poisoner.Trigger(Example.TestImages, AttackCatalog.Create("badnets", new AttackContext(Example.Model, Example.Images, ChannelNormalization.Cifar10, 1)), null, 200);
        var normalised = triggered.Normalize(ChannelNormalization.Cifar10);

        var measures = Measures.Of(Example.Model, Test, normalised, 0, CancellationToken.None);

        // The example answers the patch with class 0, which is next to class 9 alone.
        Assert.InRange(measures.AttackSuccess!.Value, 0.05, 0.25);
        Assert.InRange(measures.RobustAccuracy!.Value, 0, 0.25);
    }

    [Fact]
    public void Finished_runs_are_kept_and_not_made_again()
    {
        using var folder = new ScratchFolder();
        var subject = new Subject("example", Example.ModelPath, SubjectCatalog.ReadTriggered(Example.TriggeredPath));
        var (first, second) = (new Nothing(), new Nothing());
        var path = folder.File("results.jsonl");

        var made = Runner(path).Run(new Case(subject, first, "100", 3));
        var found = Runner(path).Run(new Case(subject, second, "100", 3));
        Runner(path).Run(new Case(subject, second, "50", 3));

        Assert.Equal(1, first.Runs);
        Assert.Equal(1, second.Runs);
        Assert.Equal(made.After.Classes, found.After.Classes);
        Assert.Equal((made.Seed, made.WorstClassDrop, made.FlaggedDrop, made.Rating), (found.Seed, found.WorstClassDrop, found.FlaggedDrop, found.Rating));
        Assert.Equal(0, made.WorstClassDrop);
        Assert.Equal(0.5, made.Rating);
        Assert.Equal(0, made.FlaggedDrop);
        Assert.InRange(made.After.AttackSuccess!.Value, 0.9, 1);

        static CaseRunner Runner(string path) =>
            new(Example.Images.Normalize(ChannelNormalization.Cifar10), Test, new ResultFile(path), 0, _ => { }, CancellationToken.None);
    }

    [Fact]
    public void A_damaged_line_of_results_is_named()
    {
        using var folder = new ScratchFolder();
        var path = folder.File("results.jsonl");
        File.WriteAllText(path, "{\"Model\":");

        Assert.Contains("line 1", Assert.Throws<UlrlException>(() => new ResultFile(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_give_mean_and_worst_over_the_seeds()
    {
        var before = new Measures(0.8, [0.8, 0.8], 1.0, 0.0);
        Result Run(string method, int seed, double clean, double attack, double cpu) =>
            new("m", method, "s", CleanSet.Usual, seed, [1], null, before, new Measures(clean, [clean, clean - 0.1], attack, 0.7), 10, cpu);
        using var output = new StringWriter();

        new Markdown(output).Compare("Title", [Run("Balanced", 0, 0.8, 0.00, 30), Run("Balanced", 1, 0.7, 0.10, 30), Run("Published", 0, 0.7, 0.0, 20), Run("Published", 1, 0.7, 0.0, 20)]);

        var row = output.ToString().Split('\n').Single(l => l.Contains("Balanced", StringComparison.Ordinal));
        Assert.Equal(
            "|  | Balanced | 2 | 0.750 | 0.700 | 0.050 | 0.100 |  | 0.700 | 0.700 | 0.150 | 0.200 | 0.150 | 0.200 | 0.950 | 1 | 10 | 1.50 |", row);
    }

    [Fact]
    public void A_whole_campaign_on_the_example_prints_its_tables()
    {
        using var folder = new ScratchFolder();
        using var output = new StringWriter();
        var options = Options(folder);
        var data = Directory.CreateDirectory(options.Data).FullName;
        VictimFiles.WriteImages(Path.Combine(data, "train.npz"), Example.Images);
        VictimFiles.WriteImages(Path.Combine(data, "test.npz"), Example.TestImages);

        new EfficacyCampaign(options with { PrintOnly = true }, output, _ => { }, CancellationToken.None).Run();
        Assert.Equal("1 of 1 runs have no result yet.", output.ToString().Trim());
        new EfficacyCampaign(options, output, _ => { }, CancellationToken.None).Run();

        Assert.Contains("### Given models, 500 clean samples", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("| example | given |", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("|  | Published | 1 | 0.", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("### Detection", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, output.ToString().Split("no result yet").Length - 1);
    }

    [Fact]
    public void Models_that_nobody_knows_are_refused()
    {
        using var folder = new ScratchFolder();
        var campaign = new EfficacyCampaign(Options(folder) with { Models = ["example", "other"] }, TextWriter.Null, _ => { }, CancellationToken.None);

        Assert.Contains("'other' is no model", Assert.Throws<UlrlException>(campaign.Run).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_given_model_that_is_named_like_a_trained_one_is_refused()
    {
        using var folder = new ScratchFolder();
        var options = Options(folder);
        File.Copy(Example.ModelPath, Path.Combine(options.Given!, "preact_none.onnx"));

        Assert.Contains("rename", Assert.Throws<UlrlException>(new EfficacyCampaign(options, TextWriter.Null, _ => { }, CancellationToken.None).Run).Message, StringComparison.Ordinal);
    }

    // The example as the only model.
    private static CampaignOptions Options(ScratchFolder folder)
    {
        var models = Directory.CreateDirectory(folder.File("given")).FullName;
        File.Copy(Example.ModelPath, Path.Combine(models, "example.onnx"));
        File.Copy(Example.TriggeredPath, Path.Combine(models, "example-triggered.npz"));
        return new CampaignOptions
        {
            Data = folder.File("data"),
            Folder = folder.Path,
            Given = models,
            Models = [],
            Methods = ["Published"],
            Tables = [EfficacyCampaign.GivenTable],
            Seeds = 1,
            Threads = 0,
            TrainingSamples = 500,
            Schedule = new VictimSchedule(1, 100, 1, 0.05f, 0),
        };
    }

    private sealed class Nothing : IMethod
    {
        public int Runs { get; private set; }

        public string Name => "Nothing";

        public string Settings => "";

        public MethodResult Purify(OnnxModel model, LabeledSamples clean, int seed, int threads, CancellationToken cancellation)
        {
            Runs++;
            return new MethodResult(model, [0]);
        }
    }
}
