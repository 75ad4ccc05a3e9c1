using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification.Reports;

/// <summary>The report as a page for people: what was found, what it cost, and how it went.</summary>
internal sealed class HtmlReport
{
    // More rows than anybody reads; the JSON report has all.
    private const int MostNeurons = 20;

    private readonly PurificationReport report;
    private readonly EvaluationComparison? measured;
    private readonly HtmlText page = new();

    private HtmlReport(PurificationReport report, EvaluationComparison? measured)
    {
        this.report = report;
        this.measured = measured;
    }

    public static string Write(PurificationReport report, EvaluationComparison? measured) => new HtmlReport(report, measured).Write();

    private string Write()
    {
        // The policy keeps the page from loading or running anything, whatever a name might smuggle in.
        page.Add($"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        page.Add($"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Purification of {report.Model ?? "a model"}</title>\n<style>\n{Style()}</style></head>\n<body>\n");
        Head();
        Measures();
        Neurons();
        Classes();
        Curves();
        Seconds();
        Settings();
        page.Add($"</body></html>\n");
        return page.ToString();
    }

    private static HtmlText Style()
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream);
        return HtmlText.Trusted(reader.ReadToEnd());
    }

    private void Head()
    {
        page.Add($"<h1>Purification of {report.Model ?? "a model"}</h1>\n");
        page.Add($"<p class=\"sub\">ULRL: unlearning and relearning with {report.SampleCount} clean samples of {report.CleanSamples}, on {report.Device}; {(long)report.Parameters.Values} parameters trained.</p>\n<div class=\"cards\">\n");
        var suspicious = report.SuspiciousNeurons;
        page.Add($"<div class=\"card\"><b class=\"{(suspicious.Count > 0 ? "bad" : "good")}\">{(suspicious.Count == 0 ? "none" : string.Join(", ", suspicious))}</b><span>suspicious neuron{(suspicious.Count == 1 ? "" : "s")} of {report.Neurons.Count}</span></div>\n");
        page.Add($"<div class=\"card\"><b>{report.Detection.Confidence:0.00}</b><span>confidence that the model was backdoored</span></div>\n");
        if (measured?.Before.Attack is { } before && measured.After.Attack is { } after)
        {
            Card("attack success", before.AttackSuccessRate, after.AttackSuccessRate, Tone(after.AttackSuccessRate < before.AttackSuccessRate));
            Card("robust accuracy", before.RobustAccuracy, after.RobustAccuracy, Tone(after.RobustAccuracy > before.RobustAccuracy));
        }

        if (measured is not null)
            Card($"clean accuracy, {measured.Before.Clean.Count} samples", measured.Before.Clean.Accuracy, measured.After.Clean.Accuracy, "");
        else
            Card("accuracy on the clean samples", report.AccuracyBefore, report.AccuracyAfter, "");
        var total = report.PreparationSeconds + report.Unlearning.Seconds + report.DetectionSeconds + report.Relearning.Seconds + report.EvaluationSeconds;
        page.Add($"<div class=\"card\"><b>{total:0.0} <small>s</small></b><span>in all</span></div>\n</div>\n");
        if (report.Warnings.Count == 0)
            return;
        page.Add($"<ul class=\"warnings\">\n");
        foreach (var warning in report.Warnings)
            page.Add($"<li>{warning}</li>\n");
        page.Add($"</ul>\n");
    }

    private void Card(string name, double before, double after, string tone) =>
        page.Add($"<div class=\"card\"><b><small>{before:0.000} →</small> <em class=\"{tone}\">{after:0.000}</em></b><span>{name}</span></div>\n");

    // What is better because a class was given up is no success.
    private string Tone(bool isBetter) => !isBetter ? "bad" : Pairs().Any(p => p.IsLost) ? "doubtful" : "good";

    private void Measures()
    {
        page.Add($"<section><h2>Before and after</h2>\n<table><tr><th>measure</th><th>samples</th><th>before</th><th>after</th><th>change</th></tr>\n");
        Row($"accuracy on {report.CleanSamples}, used to purify", report.SampleCount, report.AccuracyBefore, report.AccuracyAfter);
        if (measured is not null)
        {
            Row($"clean accuracy on {measured.CleanSamples}", measured.Before.Clean.Count, measured.Before.Clean.Accuracy, measured.After.Clean.Accuracy);
            Row("mean cross-entropy", measured.Before.Clean.Count, measured.Before.Clean.MeanCrossEntropy, measured.After.Clean.MeanCrossEntropy);
        }

        if (measured?.Before.Attack is { } before && measured.After.Attack is { } after)
        {
            Row(before.Target is { } target ? $"attack success, to class {target}" : "attack success", before.Count, before.AttackSuccessRate, after.AttackSuccessRate);
            Row("robust accuracy", before.Count, before.RobustAccuracy, after.RobustAccuracy);
        }

        page.Add($"</table>\n");
        if (measured?.Rating is { } rating)
            page.Add($"<p class=\"note\">Defense effectiveness rating {rating:0.000} (0.5: no effect, 1: the attack is gone and no accuracy lost).</p>\n");
        page.Add($"</section>\n");
    }

    private void Row(string name, int samples, double before, double after) =>
        page.Add($"<tr><td>{name}</td><td>{samples}</td><td>{before:0.000}</td><td>{after:0.000}</td><td>{after - before:+0.000;−0.000;0.000}</td></tr>\n");

    private void Neurons()
    {
        var reach = report.Detection.Reach.ToDictionary(r => r.Class, r => r.Share);
        page.Add($"<section><h2>Neuron weight change</h2>\n<p class=\"note\">How far unlearning moved the weights of every neuron of <bdi>{report.Classifier.Weight}</bdi>, one neuron per class. ");
        page.Add($"The number on a bar is its z-score; ");
        if (IsJudgedByScore)
            page.Add($"above {report.Options.SuspicionThreshold} a neuron is suspicious.");
        else
            page.Add($"suspicious are the neurons toward whose classes the detection finds a backdoor.");
        if (reach.Count > 0)
            page.Add($" Reach is the share of samples of other classes that {report.Detection.Reach[0].Kind.ToString().ToLowerInvariant()} perturbations, the same for all samples, lead to the class: near 1 toward the target of such a trigger.");
        if (report.Detection is { IsAllToAll: true, ToNext: { } next })
            page.Add($" {next.Kind.ToString()} perturbations lead {100 * next.Share:0} % of the samples to the class after their own, which no clean model lets happen: the attack is one on all classes.");
        if (report.Detection is { Withheld: { PeriodicReach: { } periodic } withheld } && report.Detection.Neurons.Contains(withheld.Class))
            page.Add($" Class {withheld.Class} is withheld from clean samples: {withheld.Missed} of it are taken for others, {withheld.Mistaken} of others for it; sinusoids, the same for all samples, lead {100 * periodic:0} % of other samples there.");
        page.Add($"</p>\n<figure>\n");
        var bars = report.Neurons.Select(n => new Svg.Bar(
            $"{n.Neuron}", n.WeightChange, HtmlText.Number(n.ZScore, "0.0"), HtmlText.Number(n.WeightChange, "0.000") + " at neuron " + n.Neuron, n.IsSuspicious));
        page.Add($"{Svg.Bars("Neuron weight change", "neuron", [.. bars])}<figcaption><span class=\"key alert\"></span>suspicious <span class=\"key plain\"></span>inconspicuous</figcaption></figure>\n");
        page.Add($"<table><tr><th>neuron</th><th>weight change</th><th>z-score</th>{Cell(reach, "th", "reach")}<th>suspicious</th></tr>\n");
        var shown = report.Neurons.OrderByDescending(n => n.IsSuspicious).ThenByDescending(n => n.WeightChange).Take(MostNeurons).ToArray();
        foreach (var n in shown)
            page.Add($"<tr class=\"{(n.IsSuspicious ? "alert" : "")}\"><td>{n.Neuron}</td><td>{n.WeightChange:0.000}</td><td>{n.ZScore:0.00}</td>{Cell(reach, "td", reach.TryGetValue(n.Neuron, out var share) ? HtmlText.Number(share, "0.000") : "–")}<td>{(n.IsSuspicious ? "yes" : "")}</td></tr>\n");
        page.Add($"</table>\n");
        if (shown.Length < report.Neurons.Count)
            page.Add($"<p class=\"note\">The {shown.Length} largest of {report.Neurons.Count}.</p>\n");
        page.Add($"</section>\n");
    }

    // Without a search there is nothing to show.
    private static HtmlText Cell(Dictionary<int, double> reach, string element, string text) =>
        HtmlText.Trusted(reach.Count == 0 ? "" : $"<{element}>{text}</{element}>");

    // One run without a search judges as published.
    private bool IsJudgedByScore => report.Options.UnlearningRuns == 1 && report.Detection.Reach.Count == 0;

    private void Classes()
    {
        var source = measured is null ? report.CleanSamples : measured.CleanSamples;
        page.Add($"<section><h2>Accuracy per class</h2>\n<p class=\"note\">On {source}. A mean over classes can hide a class that was given up.</p>\n");
        page.Add($"<figure>{Svg.Pairs("Accuracy per class before and after", "class", [.. Pairs()])}<figcaption><span class=\"key before\"></span>before <span class=\"key after\"></span>after</figcaption></figure></section>\n");
    }

    private IEnumerable<Svg.Pair> Pairs() => measured is null
        ? report.Classes.Select(c => Pair(c.Class, c.Before ?? double.NaN, c.After ?? double.NaN))
        : measured.Before.Clean.Classes.Zip(measured.After.Clean.Classes, (b, a) => Pair(b.Class, b.Accuracy, a.Accuracy));

    private static Svg.Pair Pair(int label, double before, double after) =>
        new($"{label}", before, after, PurificationWarnings.IsLost(before, after));

    private void Curves()
    {
        page.Add($"<section><h2>Loss</h2>\n<div class=\"two\">\n");
        Curve("Unlearning", "cross-entropy, which unlearning drives up", report.Unlearning, false);
        Curve("Relearning", "loss with all its terms (solid) and cross-entropy alone (dashed)", report.Relearning, true);
        page.Add($"</div></section>\n");
    }

    private void Curve(string name, string caption, PhaseReport phase, bool hasTerm)
    {
        var starts = new List<int>();
        var step = 0;
        foreach (var epoch in phase.Epochs)
        {
            starts.Add(step);
            step += epoch.Losses.Count;
        }

        var losses = phase.Epochs.SelectMany(e => e.CrossEntropies.Select(l => (double)l)).ToArray();
        var series = new List<Svg.Series> { new("cross-entropy", hasTerm ? "entropy" : "loss", losses) };
        if (hasTerm)
            series.Add(new Svg.Series("loss", "loss", [.. phase.Epochs.SelectMany(e => e.Losses.Select(l => (double)l))]));
        page.Add($"<figure>{Svg.Lines(name + ": loss per step", "epoch", series, starts)}<figcaption>{name}: {caption}; {phase.Epochs.Count} epochs, accuracy in the last {phase.Epochs[^1].Accuracy:0.000}.</figcaption></figure>\n");
    }

    private void Seconds()
    {
        page.Add($"<section><h2>Seconds</h2>\n<table><tr><th>preparation</th><th>unlearning</th><th>detection</th><th>relearning</th><th>evaluation</th></tr>\n");
        page.Add($"<tr><td>{report.PreparationSeconds:0.00}</td><td>{report.Unlearning.Seconds:0.00}</td><td>{report.DetectionSeconds:0.00}</td><td>{report.Relearning.Seconds:0.00}</td><td>{report.EvaluationSeconds:0.00}</td></tr></table></section>\n");
    }

    private void Settings()
    {
        var o = report.Options;
        page.Add($"<section><h2>Settings</h2>\n<table>\n");
        Setting("classifier layer", $"{report.Classifier.Weight} ({report.Classifier.Operator} node '{report.Classifier.Node}', {report.Classifier.Classes} × {report.Classifier.Features})");
        Setting("batch size", $"{o.BatchSize}");
        Setting("unlearning", FormattableString.Invariant($"{o.UnlearningRuns} run{(o.UnlearningRuns == 1 ? "" : "s")} of at most {o.UnlearningEpochs} epochs, learning rate {o.UnlearningLearningRate} times {o.UnlearningGamma} at epochs {string.Join(", ", o.UnlearningMilestones)}, weight decay {o.UnlearningWeightDecay}, clip norm {o.UnlearningClipNorm}, ends at accuracy {o.CleanThreshold}"));
        Setting("relearning", FormattableString.Invariant($"{o.RelearningEpochs} epochs of at least {o.RelearningBatches} batch{(o.RelearningBatches == 1 ? "" : "es")}, learning rate {o.RelearningLearningRate} to 0 by cosine, α {o.Alpha}, suspicious neurons {Start(o)}, {Samples(o)}"));
        Setting("distillation", o.DistillationWeight == 0 ? "none" : FormattableString.Invariant($"weight {o.DistillationWeight}, temperature {o.DistillationTemperature}"));
        Setting("folded batch-norm", o.RestoreBatchNorm ? "restored while training" : "left out");
        Setting("momentum", FormattableString.Invariant($"{o.Momentum}"));
        Setting("suspicious", IsJudgedByScore ? FormattableString.Invariant($"z-score above {o.SuspicionThreshold}, at most {o.MaxSuspiciousNeurons}") : $"by the detection, at most {o.MaxSuspiciousNeurons}");
        Setting("augmentation", $"{(o.CropPadding > 0 ? $"crop after padding by {o.CropPadding}" : "no crop")}, {(o.HorizontalFlip ? "flip" : "no flip")}");
        Setting("seed", $"{o.Seed}");
        Setting("engine", report.Engine);
        Setting("device", $"{report.Device}, {(o.Threads == 0 ? "one thread per core" : $"{o.Threads} threads")}");
        page.Add($"</table></section>\n");
    }

    private static string Start(PurificationOptions o) => o.Reflect ? "reflected and frozen" : o.Reinitialize ? "re-initialised" : "kept";

    // What relearning did, which may be less than the settings allow.
    private string Samples(PurificationOptions o)
    {
        var mixed = o.DistillationWeight > 0 ? o.MixedShare : 0;
        var perturbed = report.PerturbedShare;
        if (perturbed == 0 && mixed == 0 && report.DisplacedShare == 0) return "samples as they are";
        return string.Concat(
            [
                FormattableString.Invariant($"{perturbed:0.##} of the samples perturbed{(perturbed > 0 ? $" by {report.Perturbations} perturbations" : "")}, {mixed:0.##} mixed, {report.DisplacedShare:0.##} of the steps at displaced weights"),
                .. report.TargetCorrections.Select(c => FormattableString.Invariant($", the given model's logit of class {c.Class} lowered by {c.Logit:0.00} for perturbed samples")),
            ]);
    }

    private void Setting(string name, string value) => page.Add($"<tr><td>{name}</td><td class=\"text\">{value}</td></tr>\n");
}
