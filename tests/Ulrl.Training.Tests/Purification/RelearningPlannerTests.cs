using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Which perturbations the samples of relearning carry.</summary>
public sealed class RelearningPlannerTests
{
    private static readonly PurificationOptions Options = new();

    [Fact]
    public void Where_nothing_is_suspicious_what_leads_half_of_the_samples_at_few_positions_is_carried_toward_classes_where_the_mean_does()
    {
        var (_, clean) = VectorClassifier.Create(classes: 4, samplesPerClass: 6);
        SharedPerturbationPath[] paths = [Path(1, 0.9, 0.9, 0.8, 0.6, 0.45), Path(1, 0.9, 0.9, 0.55, 0.4, 0.3), Path(2, 0.9, 0.9, 0.7, 0.5, 0.2), Path(3, 0.9, 0.9, 0.7, 0.6, 0.5) with { IsComplete = false }];
        var planner = new RelearningPlanner(Options, clean, null, paths, _ => null, CancellationToken.None);

        var plan = planner.Plan(BackdoorDetection.Of([[1, 1, 1, 1]], paths, 2), [])!;

        Assert.Equal([(1, 0.8), (1, 0.6), (1, 0.55)], plan.Perturbations.Select(p => (p.Goal.Class!.Value, p.Perturbation.Success)));
        Assert.Equal((0.8f * Options.PerturbedShare, 0f, 0f), (plan.PerturbedShare, plan.DisplacedShare, plan.RepeatedShare));
        Assert.Equal((20, 16), (plan.Epochs, plan.PlainFrom));
    }

    [Fact]
    public void A_network_that_has_nothing_to_forget_gets_half_of_the_epochs()
    {
        var (_, clean) = VectorClassifier.Create(classes: 4, samplesPerClass: 6);
        SharedPerturbationPath[] paths = [Path(1, 0.9, 0.9, 0.5, 0.4, 0.3), new(PerturbationKind.Sparse, PerturbationGoal.To(2), [0.9, 0.9, 0.2, 0.2, 0.2], Path(2, 0.9, 0.9, 0.2).Snapshots)];
        var planner = new RelearningPlanner(Options with { RelearningEpochs = 7 }, clean, null, paths, _ => null, CancellationToken.None);

        var plan = planner.Plan(BackdoorDetection.Of([[1, 1, 1, 1]], paths, 2), [])!;

        Assert.Empty(plan.Perturbations);
        Assert.Equal((4, 3), (plan.Epochs, plan.PlainFrom));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Long_ones_toward_a_class_that_is_withheld_for_certain_are_carried_whatever_is_suspicious(bool isSuspicious)
    {
        var (model, clean) = VectorClassifier.Create(classes: 4, samplesPerClass: 6);
        using var search = new SharedPerturbationSearch(model, null, 4, clean, new Evaluator(model, threads: 1), TrainingEngine.OnnxRuntime, Device.Cpu, 1, 0);
        var detection = BackdoorDetection.Of([[1, 1, 1, 1]], [], 2, new WithheldClass(3, Missed: 23, Mistaken: 2, PeriodicReach: 0.3));
        int[] suspicious = isSuspicious ? [0] : [];
        RelearningPlan Plan(BackdoorDetection of) => new RelearningPlanner(Options, clean, search, [], _ => null, CancellationToken.None).Plan(of, suspicious)!;

        var plan = Plan(detection);
        var unsure = Plan(detection with { Withheld = new WithheldClass(3, Missed: 5, Mistaken: 2, PeriodicReach: null) });

        Assert.Equal(12, plan.Perturbations.Count(p => p.Goal.Class == 3));
        Assert.Equal(isSuspicious, plan.Perturbations.Any(p => p.Goal.Class == 0));
        Assert.Equal(Options.PerturbedShare, plan.PerturbedShare);
        Assert.DoesNotContain(unsure.Perturbations, p => p.Goal.Class == 3);
    }

    [Fact]
    public void Toward_a_suspicious_class_what_leads_is_searched_again_with_other_random_numbers()
    {
        var clean = Example.Clean();
        var model = Example.Model();
        using var search = new SharedPerturbationSearch(model, null, 10, clean, new Evaluator(model, threads: 1), TrainingEngine.OnnxRuntime, Device.Cpu, 1, 0);
        var first = search.Search(PerturbationKind.Sparse, [PerturbationGoal.To(0)]);

        var plan = new RelearningPlanner(Options, clean, search, first, _ => null, CancellationToken.None).Plan(BackdoorDetection.Of([new double[10]], first, 2), [0])!;

        var sparse = plan.Perturbations.Where(p => p.Perturbation.Kind == PerturbationKind.Sparse).ToArray();
        Assert.InRange(sparse.Length, first[0].Snapshots.Count(s => s.Success >= 0.5) + 1, 15);
        Assert.Equal(0f, plan.DisplacedShare);
        Assert.Equal(1, plan.Perturbations.Sum(p => p.Weight), 1e-9);
        Assert.All(plan.Perturbations.GroupBy(p => p.Perturbation.Kind), kind => Assert.Single(kind.Select(p => p.Weight).Distinct()));
        Assert.InRange(sparse.Sum(p => p.Weight), 0.5, 1);
    }

    private static SharedPerturbationPath Path(int target, params double[] success) =>
        new(PerturbationKind.Sparse, PerturbationGoal.To(target), success, [.. success.Select(s => new SharedPerturbation(PerturbationKind.Sparse, new float[VectorClassifier.Create(4, 6).Samples.SampleLength], 1, s))]);
}
