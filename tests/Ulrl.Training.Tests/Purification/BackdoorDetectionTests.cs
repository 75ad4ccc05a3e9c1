using Ulrl.Training.Evaluation;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

public sealed class BackdoorDetectionTests
{
    [Fact]
    public void A_neuron_that_leads_by_far_in_every_run_is_a_backdoor()
    {
        var found = BackdoorDetection.Of([[2, 3, 22, 2.5], [2, 2, 20, 4], [3, 2, 25, 2]], [], 2);
        Assert.True(found.Confidence > 0.8 && found.IsBackdoored);
        Assert.Equal([2], found.Neurons);
        Assert.Equal(Math.Cbrt(22 / 3.0 * (20 / 4.0) * (25 / 3.0)), found.MeanDominance, 6);
        Assert.Equal([2, 2, 2], found.Runs.Select(r => r.Neuron));
        Assert.Equal((22, 2.5, 22 / 3.0), (found.Runs[0].WeightChange, found.Runs[0].MedianChange, found.Runs[0].Dominance));
    }

    [Fact]
    public void A_lead_that_wanders_from_run_to_run_is_none()
    {
        var found = BackdoorDetection.Of([[2, 3, 20, 2, 2, 2], [20, 2, 3, 2, 2, 2], [2, 20, 3, 2, 2, 2]], [], 2);
        Assert.True(found.Confidence < 0.05 && !found.IsBackdoored);
    }

    [Fact]
    public void Two_neurons_that_lead_together_are_two_targets()
    {
        var found = BackdoorDetection.Of([[2, 3, 20, 2, 18, 2], [2, 2, 22, 2, 25, 3]], [], 2);
        Assert.Equal([2, 4], found.Neurons);
        Assert.True(found.IsBackdoored);
        Assert.Single(BackdoorDetection.Of([[2, 3, 20, 2, 18, 2], [2, 2, 22, 2, 25, 3]], [], 1).Neurons);
    }

    [Fact]
    public void One_run_is_never_quite_sure()
    {
        Assert.Equal(0.75, BackdoorDetection.Of([[1, 1, 90, 1]], [], 2).Confidence);
    }

    [Fact]
    public void Weights_that_did_not_change_say_nothing()
    {
        Assert.False(BackdoorDetection.Of([new double[4], new double[4]], [], 2).IsBackdoored);
    }

    [Fact]
    public void A_class_that_sparse_perturbations_reach_alone_is_a_backdoor_whatever_the_weights_say()
    {
        var found = BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.95, 0.3, 0.35, 0.2), 2);
        Assert.Equal([0], found.Neurons);
        Assert.True(found.Confidence > 0.9 && found.IsSettled);
        Assert.Equal([0.95, 0.3, 0.35, 0.2], found.Reach.Select(r => Math.Round(r.Share, 12)));
    }

    [Fact]
    public void Classes_that_perturbations_reach_alike_show_nothing()
    {
        var found = BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.4, 0.38, 0.35, 0.2), 2);
        Assert.True(found.Confidence < 0.1);
        Assert.True(BackdoorDetection.Of([[2, 3, 40, 5], [2, 3, 40, 5]], Paths(0.4, 0.38, 0.35, 0.2), 2) is { IsBackdoored: true, Neurons: [2] });
    }

    [Fact]
    public void Signs_that_agree_are_surer_than_either()
    {
        double[][] weights = [[10, 3, 2, 3]];
        var both = BackdoorDetection.Of(weights, Paths(0.6, 0.35, 0.2, 0.2), 2);
        Assert.True(both.Confidence > BackdoorDetection.Of(weights, [], 2).Confidence);
        Assert.True(both.Confidence > BackdoorDetection.Of([[3, 3, 2, 3]], Paths(0.6, 0.35, 0.2, 0.2), 2).Confidence);
    }

    [Fact]
    public void The_kind_of_perturbations_that_tells_a_class_most_clearly_counts()
    {
        var paths = Paths(PerturbationKind.Sparse, 0.6, 0.55, 0.5, 0.2).Concat(Paths(PerturbationKind.Smooth, 0.2, 0.1, 0.8, 0.15)).Concat(Paths(PerturbationKind.Warp, 0.1, 0.1, 0.1, 0.2));
        var found = BackdoorDetection.Of([[2, 3, 4, 5]], [.. paths], 2);
        Assert.Equal([2], found.Neurons);
        Assert.True(found.Confidence > 0.9);
        Assert.All(found.Reach, r => Assert.Equal(PerturbationKind.Smooth, r.Kind));
        Assert.Equal([0.2, 0.1, 0.8, 0.15], found.Reach.Select(r => Math.Round(r.Share, 12)));
    }

    [Fact]
    public void Weights_count_for_less_where_no_kind_of_perturbation_confirms_them()
    {
        double[][] weights = [[2, 3, 20, 5], [2, 3, 22, 4], [3, 2, 18, 3]];
        var sparse = Paths(PerturbationKind.Sparse, 0.4, 0.38, 0.35, 0.2);
        SharedPerturbationPath[] others = [.. sparse, .. Paths(PerturbationKind.Warp, 0.1, 0.1, 0.1, 0.2), .. Paths(PerturbationKind.Noise, 0.1, 0.3, 0.1, 0.1)];
        SharedPerturbationPath[] all = [.. others, .. Paths(PerturbationKind.Smooth, 0.1, 0.2, 0.15, 0.2)];
        SharedPerturbationPath[] confirmed = [.. others, .. Paths(PerturbationKind.Smooth, 0.1, 0.2, 0.55, 0.2)];
        var before = BackdoorDetection.Of(weights, sparse, 2).Confidence;
        Assert.Equal(0.7 * before, BackdoorDetection.Of(weights, all, 2).Confidence, 1e-12);
        Assert.True(BackdoorDetection.Of(weights, confirmed, 2).Confidence > before);
    }

    [Fact]
    public void Smooth_perturbations_must_lead_most_samples()
    {
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Smooth, 0.1, 0.1, 0.1, 0.37), 2).IsBackdoored);
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Smooth, 0.1, 0.1, 0.1, 0.6), 2) is { IsBackdoored: true, Neurons: [3] });
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Warp, 0.1, 0.1, 0.1, 0.45), 2).IsBackdoored);
    }

    [Fact]
    public void Noise_must_lead_most_samples_too()
    {
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Noise, 0.05, 0.05, 0.1, 0.45), 2).IsBackdoored);
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Noise, 0, 0.01, 0, 0.99), 2) is { IsSettled: true, Neurons: [3] });
    }

    [Fact]
    public void A_class_that_a_few_pixels_lead_nearly_all_samples_to_is_a_target_however_far_they_lead_to_another()
    {
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.99, 0.8, 0.76, 0.2), 2) is { IsBackdoored: true, Neurons: [0] });
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.8, 0.65, 0.6, 0.2), 2) is { IsBackdoored: true, Neurons: [0] });
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.7, 0.6, 0.55, 0.2), 2).IsBackdoored);
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], Paths(PerturbationKind.Smooth, 0.99, 0.86, 0.76, 0.2), 2).IsBackdoored);
    }

    [Fact]
    public void Of_several_draws_the_mean_counts()
    {
        var found = BackdoorDetection.Of([[2, 3, 4, 5]], [.. Paths(0.35, 0.3, 0.35, 0.2), .. Paths(0.95, 0.34)], 2);

        Assert.True(found is { IsBackdoored: true, Neurons: [0] });
        Assert.Equal([0.65, 0.32, 0.35, 0.2], found.Reach.Select(r => Math.Round(r.Share, 12)));
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], [.. Paths(0.35, 0.3, 0.35, 0.2), .. Paths(0.7, 0.34)], 2).IsBackdoored);
    }

    [Fact]
    public void Classes_that_were_not_followed_to_the_end_are_not_compared()
    {
        SharedPerturbationPath[] paths = [.. Paths(0.6, 0.2, 0.1), new SharedPerturbationPath(PerturbationKind.Sparse, PerturbationGoal.To(3), [0.5, 0.5, 0.5], []) { IsComplete = false }];

        Assert.Equal([0, 1, 2], BackdoorDetection.Of([[2, 3, 4, 5]], paths, 2).Reach.Select(r => r.Class));
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], paths, 2) is { IsBackdoored: true, Neurons: [0] });
    }

    [Fact]
    public void Further_runs_are_of_no_use_where_no_sign_of_any_kind_shows()
    {
        var sparse = Paths(PerturbationKind.Sparse, 0.4, 0.38, 0.35, 0.2);
        SharedPerturbationPath[] all =
        [
            .. Paths(PerturbationKind.Noise, 0.1, 0.3, 0.1, 0.1), .. sparse, .. Paths(PerturbationKind.Smooth, 0.1, 0.2, 0.15, 0.2), .. Paths(PerturbationKind.Warp, 0.1, 0.1, 0.1, 0.2),
        ];

        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], all, 2).IsDismissed);
        Assert.False(BackdoorDetection.Of([[2, 3, 4, 5]], sparse, 2).IsDismissed);
        Assert.True(BackdoorDetection.Of([[2, 3, 18, 4]], all, 2).IsDismissed);
        Assert.False(BackdoorDetection.Of([[2, 3, 40, 4]], all, 2).IsDismissed);
    }

    [Fact]
    public void A_second_target_must_be_reached_by_nearly_all_samples()
    {
        Assert.Equal([0, 1], BackdoorDetection.Of([[1, 1, 1, 1]], Paths(1, 0.95, 0.2, 0.2), 2).Neurons);
        Assert.Equal([0], BackdoorDetection.Of([[1, 1, 1, 1]], Paths(1, 0.6, 0.02, 0.02), 2).Neurons);
    }

    [Fact]
    public void What_leads_from_every_class_to_the_next_is_an_attack_on_all_of_them()
    {
        SharedPerturbationPath[] searched = [.. Paths(0.4, 0.38, 0.35, 0.2), .. ToNext(PerturbationKind.Sparse, 0.48), .. ToNext(PerturbationKind.Smooth, 0.05)];

        var found = BackdoorDetection.Of([[2, 3, 4, 5]], searched, 2);

        Assert.True(found is { IsAllToAll: true, IsSettled: true });
        Assert.Equal([0, 1, 2, 3], found.Neurons);
        Assert.Equal(new NextReach(0.48, PerturbationKind.Sparse), found.ToNext);
        Assert.Equal([0.4, 0.38, 0.35, 0.2], found.Reach.Select(r => Math.Round(r.Share, 12)));
    }

    [Fact]
    public void What_leads_hardly_anywhere_is_none()
    {
        SharedPerturbationPath[] target = [.. Paths(0.95, 0.3, 0.35, 0.2), .. ToNext(PerturbationKind.Sparse, 0.3)];

        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], [.. Paths(0.4, 0.38, 0.35, 0.2), .. ToNext(PerturbationKind.Sparse, 0.08)], 2) is { IsAllToAll: false, IsBackdoored: false });
        Assert.True(BackdoorDetection.Of([[2, 3, 4, 5]], target, 2) is { IsAllToAll: false, Neurons: [0] });
    }

    [Fact]
    public void A_class_that_is_withheld_and_that_sinusoids_lead_to_is_a_target()
    {
        var withheld = new WithheldClass(3, Missed: 22, Mistaken: 1, PeriodicReach: 0.97);
        BackdoorDetection Of(WithheldClass sign) => BackdoorDetection.Of([[2, 3, 4, 5]], Paths(0.4, 0.38, 0.35, 0.2), 2, sign);

        Assert.True(Of(withheld) is { Neurons: [3], Confidence: > 0.9 });
        Assert.False(Of(withheld with { PeriodicReach = 0.6 }).IsBackdoored);
        Assert.False(Of(withheld with { PeriodicReach = null }).IsBackdoored);
        Assert.False(Of(withheld with { Missed = 13, Mistaken = 4 }).IsBackdoored);
        Assert.Equal(withheld, Of(withheld).Withheld);
    }

    [Fact]
    public void A_class_is_withheld_that_is_missed_more_often_than_mistaken()
    {
        int[] labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
        int[] predictions = [0, 1, 1, 2, 2, 2, 1, 1, 0, 2, 2, 1];
        ClassResult[] classes = [new(0, 6, 1), new(1, 3, 2), new(2, 3, 2)];

        Assert.Equal(new WithheldClass(0, 5, 1, null), WithheldClass.Of(new CleanResult(labels.Length, 5, 1, classes, predictions)));
    }

    [Theory]
    [InlineData(22, 1, true)]
    [InlineData(32, 3, true)]
    [InlineData(13, 4, false)]
    [InlineData(32, 20, false)]
    [InlineData(3, 0, false)]
    [InlineData(0, 0, false)]
    public void Only_a_class_that_is_missed_often_and_hardly_ever_mistaken_counts_as_withheld(int missed, int mistaken, bool isWithheld) =>
        Assert.Equal(isWithheld, new WithheldClass(0, missed, mistaken, null).Certainty >= 0.5);

    private static SharedPerturbationPath[] Paths(params double[] reach) => Paths(PerturbationKind.Sparse, reach);

    private static SharedPerturbationPath[] Paths(PerturbationKind kind, params double[] reach) =>
        [.. reach.Select((r, c) => new SharedPerturbationPath(kind, PerturbationGoal.To(c), [.. Enumerable.Repeat(r, 8)], []))];

    private static SharedPerturbationPath[] ToNext(PerturbationKind kind, double reach) =>
        [new SharedPerturbationPath(kind, PerturbationGoal.Next, [.. Enumerable.Repeat(reach, 8)], [])];
}
