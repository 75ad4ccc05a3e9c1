using System.Text.Json;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;
using Ulrl.Training.Purification.Reports;

namespace Ulrl.Training.Tests.Purification;

public class ReportWriterTests
{
    private const string Hostile = "<script>alert(1)</script>\"'&\u202e.onnx";

    private static PurificationReport Report(int neurons = 10, string name = "model.onnx", double zScore = 51.4, params string[] warnings) => new()
    {
        Model = name,
        CleanSamples = $"'{name}'",
        SampleCount = 4,
        Options = new PurificationOptions(),
        Engine = "onnxruntime",
        Device = "cpu",
        Classifier = new ClassifierLayer(name, null, 0, neurons, 3, "Gemm", name),
        Parameters = (2, 40),
        Neurons = [.. Enumerable.Range(0, neurons).Select(i => new NeuronReport(i, i == 0 ? 22 : 2 + (i % 3), i == 0 ? zScore : i % 3, i == 0))],
        Detection = BackdoorDetection.Of([[22, 2, 3, 4], [20, 3, 2, 4]], [], 2),
        DetectionSeconds = .7,
        Unlearning = new PhaseReport([new EpochReport(1, .01f, .5, [-1f, -2f], [1f, 2f])], 1.5),
        Relearning = new PhaseReport([new EpochReport(1, .005f, .5, [1f, .9f], [.5f, .4f]), new EpochReport(2, .0025f, .7, [.8f], [.3f])], 2.5),
        PreparationSeconds = .1,
        EvaluationSeconds = .2,
        AccuracyBefore = .8,
        AccuracyAfter = .75,
        Classes = [.. Enumerable.Range(0, neurons).Select(i => new ClassAccuracy(i, i == 1 ? 0 : 2, i == 1 ? null : .9, i == 1 ? null : i == 0 ? 0 : .8))],
        Warnings = warnings,
    };

    private static EvaluationComparison Comparison(string name = "test.npz")
    {
        EvaluationResult Result(int correct, int toTarget) => new(
            new CleanResult(20, correct, double.PositiveInfinity, [new ClassResult(0, 10, correct / 2), new ClassResult(1, 0, 0)], []),
            new AttackResult(0, 10, 0, toTarget, 10 - toTarget, []));
        return new EvaluationComparison(name, Result(18, 9), Result(16, 1));
    }

    [Fact]
    public void The_page_shows_names_from_files_as_text()
    {
        var html = ReportWriter.ToHtml(Report(name: Hostile, warnings: Hostile), Comparison(Hostile));
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u202e', html);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_low_attack_success_is_no_success_where_a_class_is_lost()
    {
        var report = Report();
        Assert.Contains("<em class=\"good\">0.100", ReportWriter.ToHtml(report, Comparison()), StringComparison.Ordinal);
        var lost = Comparison() with
        {
            After = Comparison().After with { Clean = new CleanResult(20, 9, 1, [new ClassResult(0, 10, 0), new ClassResult(1, 0, 0)], []) },
        };
        Assert.Contains("<em class=\"doubtful\">0.100", ReportWriter.ToHtml(report, lost), StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_refers_to_nothing_outside_itself()
    {
        var html = ReportWriter.ToHtml(Report(), Comparison());
        Assert.DoesNotContain("http://", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", html, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_has_a_bar_with_its_z_score_for_every_neuron_and_two_per_class()
    {
        var html = ReportWriter.ToHtml(Report(warnings: "Class 0 has been lost."));
        Assert.Equal(1, Count(html, "<rect class=\"alert\""));
        Assert.Equal(9, Count(html, "<rect class=\"plain\""));
        Assert.Contains(">51.4</text>", html, StringComparison.Ordinal);
        // Class 1 has no samples.
        Assert.Equal(9, Count(html, "<rect class=\"before\""));
        Assert.Equal(1, Count(html, ">lost</text>"));
        Assert.Contains("Class 0 has been lost.", html, StringComparison.Ordinal);
        Assert.Equal(3, Count(html, "<polyline"));
    }

    [Fact]
    public void The_page_shows_the_measures_and_the_rating()
    {
        var html = ReportWriter.ToHtml(Report(), Comparison());
        Assert.Contains("Defense effectiveness rating 0.850", html, StringComparison.Ordinal);
        Assert.Contains("<td>attack success, to class 0</td><td>10</td><td>0.900</td><td>0.100</td><td>−0.800</td>", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(1000)]
    public void The_page_is_well_formed_for_few_and_many_classes(int neurons)
    {
        var html = ReportWriter.ToHtml(Report(neurons), Comparison());
        var charts = html.Split("<svg")[1..].Select(part => "<svg" + part[..(part.IndexOf("</svg>", StringComparison.Ordinal) + 6)]).ToArray();
        Assert.Equal(4, charts.Length);
        Assert.All(charts, chart => System.Xml.Linq.XElement.Parse(chart));
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
        Assert.True(html.Length < 1_000_000);
    }

    [Fact]
    public void The_page_shows_how_well_perturbations_reach_each_class_that_was_searched()
    {
        var report = Report();
        Assert.DoesNotContain("reach", ReportWriter.ToHtml(report), StringComparison.OrdinalIgnoreCase);

        var searched = report with { Detection = report.Detection with { Reach = [new ClassReach(0, 0.9712, PerturbationKind.Smooth), new ClassReach(2, 0.25, PerturbationKind.Smooth)] } };
        var html = ReportWriter.ToHtml(searched);
        Assert.Contains("<th>reach</th>", html, StringComparison.Ordinal);
        Assert.Contains("Reach is the share of samples of other classes", html, StringComparison.Ordinal);
        Assert.Contains("<td>51.40</td><td>0.971</td><td>yes</td>", html, StringComparison.Ordinal);
        Assert.Contains("<td>2.00</td><td>0.250</td><td></td>", html, StringComparison.Ordinal);
        Assert.Contains("<td>1.00</td><td>–</td><td></td>", html, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(ReportWriter.ToJson(searched));
        var reach = document.RootElement.GetProperty("detection").GetProperty("reach");
        Assert.Equal(["Smooth", "Smooth"], reach.EnumerateArray().Select(r => r.GetProperty("kind").GetString()));
        Assert.Contains("samples of other classes that smooth perturbations, the same for all samples, lead to", html, StringComparison.Ordinal);
        Assert.Equal([(0, 0.9712), (2, 0.25)], reach.EnumerateArray().Select(r => (r.GetProperty("class").GetInt32(), r.GetProperty("share").GetDouble())));
    }

    [Fact]
    public void What_tells_an_attack_on_all_classes_or_a_withheld_class_is_shown()
    {
        var report = Report();
        var all = report with { Detection = report.Detection with { ToNext = new NextReach(0.52, PerturbationKind.Sparse), IsAllToAll = true } };
        var withheld = report with { Detection = report.Detection with { Neurons = [2], Withheld = new WithheldClass(2, 22, 1, 0.97) } };

        Assert.Contains("Sparse perturbations lead 52 % of the samples to the class after their own", ReportWriter.ToHtml(all), StringComparison.Ordinal);
        Assert.Contains("Class 2 is withheld from clean samples: 22 of it are taken for others, 1 of others for it; sinusoids, the same for all samples, lead 97 %", ReportWriter.ToHtml(withheld), StringComparison.Ordinal);
        Assert.DoesNotContain("withheld", ReportWriter.ToHtml(all), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(ReportWriter.ToJson(all));
        var detection = json.RootElement.GetProperty("detection");
        Assert.Equal((true, 0.52, "Sparse"), (detection.GetProperty("allToAll").GetBoolean(), detection.GetProperty("toNext").GetProperty("share").GetDouble(), detection.GetProperty("toNext").GetProperty("kind").GetString()));
        using var other = JsonDocument.Parse(ReportWriter.ToJson(withheld));
        Assert.Equal("""{"class":2,"missed":22,"mistaken":1,"periodicReach":0.97}""", other.RootElement.GetProperty("detection").GetProperty("withheld").GetRawText().Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings(""));
    }

    [Fact]
    public void The_page_says_what_relearning_did()
    {
        var balanced = Report();
        Assert.Contains("suspicious neurons kept, 0 of the samples perturbed, 0.3 mixed, 0 of the steps at displaced weights", ReportWriter.ToHtml(balanced), StringComparison.Ordinal);
        Assert.Contains(
            "suspicious neurons kept, 0.4 of the samples perturbed by 4 perturbations, 0.3 mixed, 0.15 of the steps at displaced weights",
            ReportWriter.ToHtml(balanced with { Perturbations = 4, PerturbedShare = 0.4f, DisplacedShare = 0.15f }),
            StringComparison.Ordinal);
        var corrected = balanced with { TargetCorrections = [new TargetCorrection(0, 0.254f)] };
        Assert.Contains("displaced weights, the given model's logit of class 0 lowered by 0.25 for perturbed samples<", ReportWriter.ToHtml(corrected).Replace("&#39;", "'", StringComparison.Ordinal), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(ReportWriter.ToJson(corrected));
        Assert.Equal(0.254, json.RootElement.GetProperty("targetCorrections")[0].GetProperty("logit").GetDouble(), 1e-6);
        Assert.Contains("suspicious are the neurons toward whose classes the detection finds a backdoor", ReportWriter.ToHtml(balanced), StringComparison.Ordinal);
        var published = ReportWriter.ToHtml(balanced with { Options = PurificationOptions.Published() });
        Assert.Contains("suspicious neurons re-initialised, samples as they are", published, StringComparison.Ordinal);
        Assert.Contains("above 3.5 a neuron is suspicious", published, StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_has_null_for_what_is_not_finite()
    {
        using var document = JsonDocument.Parse(ReportWriter.ToJson(Report(zScore: double.PositiveInfinity), Comparison()));
        var root = document.RootElement;
        Assert.Equal(JsonValueKind.Null, root.GetProperty("neurons")[0].GetProperty("zScore").ValueKind);
        Assert.Equal(JsonValueKind.Null, root.GetProperty("measured").GetProperty("before").GetProperty("meanCrossEntropy").ValueKind);
        Assert.Equal(JsonValueKind.Null, root.GetProperty("classes")[1].GetProperty("accuracyBefore").ValueKind);
        Assert.Equal(0.1, root.GetProperty("measured").GetProperty("after").GetProperty("attackSuccessRate").GetDouble());
        Assert.Equal([1f, .9f], root.GetProperty("relearning").GetProperty("epochs")[0].GetProperty("losses").EnumerateArray().Select(l => l.GetSingle()));
        Assert.Equal([0], root.GetProperty("suspiciousNeurons").EnumerateArray().Select(n => n.GetInt32()));
    }

    [Fact]
    public void Every_setting_is_in_the_JSON()
    {
        using var document = JsonDocument.Parse(ReportWriter.ToJson(Report()));
        var settings = typeof(PurificationOptions).GetProperties().Select(p => p.Name).Except([nameof(PurificationOptions.Replay), "EqualityContract"]);
        Assert.Equal(settings.Order(StringComparer.OrdinalIgnoreCase), document.RootElement.GetProperty("settings").EnumerateObject().Select(p => p.Name).Order(StringComparer.OrdinalIgnoreCase), StringComparer.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_report_of_another_kind_is_refused()
    {
        Assert.False(ReportWriter.IsSupported("report.pdf"));
        Assert.Contains("report.pdf", Assert.Throws<UlrlException>(() => ReportWriter.Write("report.pdf", Report())).Message, StringComparison.Ordinal);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
