using Ulrl.Training.Data;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Purification;

/// <summary>What the preset Balanced adds to the published method, and where it must go without.</summary>
public sealed class BalancedTests
{
    private static readonly PurificationOptions Short = new() { UnlearningRuns = 1, UnlearningEpochs = 2, RelearningEpochs = 2, BatchSize = 32, Device = Device.Cpu };

    [Fact]
    public void The_published_preset_neither_searches_nor_mixes()
    {
        var clean = Example.Clean(64);
        var published = Purifier.Purify(Example.Model(), clean, Example.Short);
        var spelledOut = new PurificationOptions
        {
            UnlearningRuns = 1,
            RestoreBatchNorm = false,
            RelearningLearningRate = 0.005f,
            RelearningBatches = 1,
            PerturbedShare = 0,
            MixedShare = 0,
            DisplacedShare = 0,
            Reflect = false,
            Reinitialize = true,
            Alpha = 0.7f,
            DistillationWeight = 0,
            TargetCorrection = 0,
            UnlearningEpochs = 1,
            RelearningEpochs = 1,
            BatchSize = 32,
            Device = Device.Cpu,
        };

        Assert.Empty(published.Report.Detection.Reach);
        Assert.Equal(Purifier.Purify(Example.Model(), clean, spelledOut).Model.ToBytes(), published.Model.ToBytes());
        Assert.NotEqual(Purifier.Purify(Example.Model(), clean, spelledOut with { MixedShare = 0.3f, DistillationWeight = 2 }).Model.ToBytes(), published.Model.ToBytes());
    }

    [Fact]
    public void Few_samples_are_gone_through_several_times()
    {
        var clean = Example.Clean(40);
        PhaseReport Relearning(PurificationOptions options) => Purifier.Purify(Example.Model(), clean, options).Report.Relearning;

        Assert.All(Relearning(Short).Epochs, e => Assert.Equal(4, e.Losses.Count));
        Assert.All(Relearning(Short with { RelearningBatches = 5 }).Epochs, e => Assert.Equal(6, e.Losses.Count));
        Assert.All(Relearning(Short with { RelearningBatches = 1 }).Epochs, e => Assert.Equal(2, e.Losses.Count));
    }

    [Fact]
    public void Samples_are_mixed_only_with_distillation()
    {
        var clean = Example.Clean(64);
        var options = Example.Short with { DistillationWeight = 0 };

        Assert.Equal(
            Purifier.Purify(Example.Model(), clean, options).Model.ToBytes(),
            Purifier.Purify(Example.Model(), clean, options with { MixedShare = 0.5f }).Model.ToBytes());
    }

    [Fact]
    public void A_model_without_a_gradient_by_its_input_is_purified_without_a_search_and_says_so()
    {
        var notices = new List<string>();
        var model = ModelVariants.WithRoundedInput(Example.Model());

        var result = Purifier.Purify(model, Example.Clean(64), Short, notice: notices.Add);

        Assert.Contains("perturbations cannot be searched, so the neuron weight change alone tells backdoored classes", Assert.Single(notices), StringComparison.Ordinal);
        Assert.Contains("no gradient passes from the logits to input", notices[0], StringComparison.Ordinal);
        Assert.Empty(result.Report.Detection.Reach);
        Assert.Equal(2, result.Report.Relearning.Epochs.Count);
        Assert.NotEqual(model.ToBytes(), result.Model.ToBytes());
    }

    [Fact]
    public void Of_many_classes_those_are_searched_whose_neurons_changed_most()
    {
        var (model, clean) = VectorClassifier.Create(classes: 24, samplesPerClass: 6);
        var phases = new List<PurificationProgress>();

        var report = Purifier.Purify(model, clean, Short, new Steps(phases)).Report;

        var changedMost = report.Neurons.OrderByDescending(n => n.WeightChange).Take(20).Select(n => n.Neuron).Order();
        Assert.Equal(changedMost, report.Detection.Reach.Select(r => r.Class));
        Assert.Equal([PurificationPhase.Unlearning, PurificationPhase.Search, PurificationPhase.Relearning], phases.Select(p => p.Phase).Distinct());
        var search = phases.Where(p => p.Phase == PurificationPhase.Search).ToArray();
        var draws = search.Count(p => p.Step == 1);
        Assert.Equal(3, draws);
        Assert.Equal(draws, search.Count(p => p.Step == p.Steps));
        Assert.Equal(search.Length, search.Where(p => p.Step == p.Steps).Sum(p => p.Steps));
    }

    [Fact]
    public void Toward_a_suspicious_class_every_kind_of_perturbation_is_searched_and_those_that_lead_are_carried()
    {
        var steps = new List<PurificationProgress>();

        var report = Purifier.Purify(Example.Model(), Example.Clean(), Short with { UnlearningEpochs = 20, BatchSize = 128, RelearningEpochs = 1 }, new Steps(steps)).Report;

        Assert.Equal([0], report.SuspiciousNeurons);
        Assert.All(report.Detection.Reach, r => Assert.Equal(PerturbationKind.Sparse, r.Kind));
        var searches = steps.Where(s => s.Phase == PurificationPhase.Search).GroupBy(s => s.Epoch).Select(kind => (kind.Key, kind.Max(s => s.Steps))).ToArray();
        Assert.Equal([(1, 3), (2, 180), (3, 48), (4, 12)], searches);
        Assert.InRange(report.Perturbations, 8, 15);
        Assert.Equal((0.5f, 0f), (report.PerturbedShare, report.DisplacedShare));
    }

    [Fact]
    public void An_attack_from_every_class_to_the_next_is_found_and_removed_from_all_of_them()
    {
        // The trigger is the first value, which clean samples do not have.
        var (model, clean) = VectorClassifier.Create(classes: 10, samplesPerClass: 30);
        clean = new LabeledSamples([.. clean.Values.Select((v, i) => i % clean.SampleLength == 0 ? 0 : v)], clean.SampleShape, clean.Labels);
        var attacked = ModelVariants.WithTriggerToTheNextClass(model, [1, .. new float[clean.SampleLength - 1]], usual: 0.1f, strength: 5);

        var report = Purifier.Purify(attacked, clean, Short with { Classifier = ClassifierLayer.Find(model).Weight, RelearningLearningRate = 1e-4f }).Report;

        Assert.True(report.Detection is { IsAllToAll: true, ToNext.Share: > 0.4 }, $"{report.Detection} {string.Join(", ", report.Detection.Reach)}");
        Assert.Equal(Enumerable.Range(0, 10), report.SuspiciousNeurons);
        Assert.InRange(report.Perturbations, 1, 5);
        Assert.Equal((0.5f, 0f), (report.PerturbedShare, report.DisplacedShare));
        Assert.DoesNotContain(report.Warnings, w => w.Contains("neurons were suspicious", StringComparison.Ordinal));
    }

    [Fact]
    public void A_clean_classifier_of_vectors_shows_nothing_suspicious_and_stays_accurate()
    {
        var (model, clean) = VectorClassifier.Create(classes: 8, samplesPerClass: 12);

        var report = Purifier.Purify(model, clean, Short with { UnlearningRuns = 3 }).Report;

        Assert.Equal(Enumerable.Range(0, 8), report.Detection.Reach.Select(r => r.Class));
        Assert.False(report.Detection.IsBackdoored, $"confidence {report.Detection.Confidence}");
        Assert.Empty(report.SuspiciousNeurons);
        Assert.Equal((0, 0f), (report.Perturbations, report.PerturbedShare));
        Assert.Single(report.Relearning.Epochs);
        Assert.Contains(report.Warnings, w => w.Contains("the model was only fine-tuned on the clean samples. No backdoor is known to have been removed", StringComparison.Ordinal));
        Assert.Equal(1, report.AccuracyBefore);
        Assert.InRange(report.AccuracyAfter, 0.9, 1);
    }

    private sealed class Steps(List<PurificationProgress> seen) : IProgress<PurificationProgress>
    {
        public void Report(PurificationProgress value) => seen.Add(value);
    }
}
