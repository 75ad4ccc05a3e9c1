using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

public sealed class SuspiciousNeuronsTests
{
    // Six classes of two features.
    private static readonly ClassifierLayer Rows = new("w", null, 0, 6, 2, "Gemm", "fc");
    private static readonly ClassifierLayer Columns = Rows with { ClassAxis = 1 };

    [Fact]
    public void The_median_is_the_lower_middle_one_and_the_score_uses_the_scaled_deviation()
    {
        // Weight changes 1, 2, 3, 4, 5 and 40: median 3, absolute deviations 2 1 0 1 2 37 with median 1.
        var found = SuspiciousNeurons.Find(Rows, new float[12], [1, 0, 1, -1, 3, 0, 2, 2, 5, 0, -20, 20], 3.5, 2);
        Assert.Equal([1.0, 2, 3, 4, 5, 40], found.Select(n => n.WeightChange));
        Assert.Equal(37 / 1.4826, found[5].ZScore, 6);
        Assert.Equal(2 / 1.4826, found[0].ZScore, 6);
        Assert.Equal([5], found.Where(n => n.IsSuspicious).Select(n => n.Neuron));
    }

    [Fact]
    public void A_small_change_is_never_suspicious_and_the_first_two_by_index_are_taken()
    {
        var found = SuspiciousNeurons.Find(Rows, new float[12], [90, 0, 0, 0, 20, 0, 21, 0, 80, 0, 70, 0], 0.5, 2);
        Assert.DoesNotContain(1, found.Where(n => n.IsSuspicious).Select(n => n.Neuron));
        Assert.Equal([0, 4], found.Where(n => n.IsSuspicious).Select(n => n.Neuron));
    }

    [Fact]
    public void Weights_stored_by_feature_are_read_by_class()
    {
        var byFeature = SuspiciousNeurons.Find(Columns, new float[12], [1, 1, 3, 2, 5, -20, 0, -1, 0, 2, 0, 20], 3.5, 2);
        Assert.Equal([1.0, 2, 3, 4, 5, 40], byFeature.Select(n => n.WeightChange));
    }

    [Fact]
    public void Equal_changes_give_no_score()
    {
        var found = SuspiciousNeurons.Find(Rows, new float[12], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0], 3.5, 2);
        Assert.All(found, n => Assert.Equal(0, n.ZScore));
    }
}
