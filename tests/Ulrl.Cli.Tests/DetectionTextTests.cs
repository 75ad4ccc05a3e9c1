using Ulrl.Training.Purification;

namespace Ulrl.Cli.Tests;

public sealed class DetectionTextTests
{
    [Fact]
    public void A_model_that_shows_nothing_is_said_to() =>
        Assert.Equal("nothing suspicious found (confidence 0.03 that there is one)", Text(0.03, [2], [2], [(2, 0.3), (1, 0.2)]));

    [Fact]
    public void Without_a_search_perturbations_are_not_spoken_of() =>
        Assert.Equal("likely, toward class 2 (confidence 0.75): weight change 3.1 times the next largest in 1 unlearning run", Text(0.75, [2], [2], []));

    [Fact]
    public void Both_signs_of_one_class() => Assert.Equal(
        "likely, toward class 2 (confidence 0.98): weight change 3.1 times the next largest in 2 unlearning runs; sparse perturbations lead 97 % of other samples there, at most 35 % to another class that was followed as far",
        Text(0.98, [2], [2, 2], [(0, 0.2), (2, 0.97), (5, 0.35)]));

    [Fact]
    public void Of_several_classes_the_one_that_is_reached_least_counts() => Assert.Equal(
        "likely, toward classes 2 and 4 (confidence 0.90): weight change 3.1 times the next largest in 2 unlearning runs; sparse perturbations lead 80 % of other samples there, at most 35 % to another class that was followed as far",
        Text(0.9, [2, 4], [2, 4], [(2, 0.97), (4, 0.8), (5, 0.35)]));

    [Fact]
    public void Weights_that_lead_elsewhere_are_no_sign_of_the_class() => Assert.Equal(
        "likely, toward class 2 (confidence 0.90): sparse perturbations lead 97 % of other samples there, at most 35 % to another class that was followed as far",
        Text(0.9, [2], [1], [(2, 0.97), (5, 0.35)]));

    [Fact]
    public void A_class_that_was_not_searched_is_judged_by_its_weights() => Assert.Equal(
        "likely, toward class 2 (confidence 0.90): weight change 3.1 times the next largest in 1 unlearning run",
        Text(0.9, [2], [2], [(0, 0.2), (5, 0.35)]));

    [Fact]
    public void An_attack_on_all_classes_is_not_a_list_of_them() => Assert.Equal(
        "likely, from every class to the next (confidence 0.99): smooth perturbations lead 48 % of the samples there",
        DetectionText.Of(new BackdoorDetection(0.99, [0, 1, 2], 1.2, [], []) { ToNext = new NextReach(0.48, PerturbationKind.Smooth), IsAllToAll = true }));

    [Fact]
    public void A_class_that_is_withheld_is_shown_with_what_leads_to_it() => Assert.Equal(
        "likely, toward class 2 (confidence 0.94): the model misses 22 clean samples of the class and takes 1 others for it, and sinusoids lead 97 % of other samples there",
        DetectionText.Of(new BackdoorDetection(0.94, [2], 1.2, [new DetectionRun(0, 20, 3, 4)], []) { Withheld = new WithheldClass(2, 22, 1, 0.97) }));

    private static string Text(double confidence, int[] neurons, int[] leaders, (int Class, double Share)[] reach) => DetectionText.Of(new BackdoorDetection(
        confidence, neurons, 3.14, [.. leaders.Select(n => new DetectionRun(n, 20, 3, 4))], [.. reach.Select(r => new ClassReach(r.Class, r.Share, PerturbationKind.Sparse))]));
}
