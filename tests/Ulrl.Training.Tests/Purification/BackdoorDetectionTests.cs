using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

public sealed class BackdoorDetectionTests
{
    [Fact]
    public void A_neuron_that_leads_by_far_in_every_run_is_a_backdoor()
    {
        var found = BackdoorDetection.Of([[2, 3, 22, 2.5], [2, 2, 20, 4], [3, 2, 25, 2]], 2);
        Assert.True(found.Confidence > 0.98 && found.IsBackdoored);
        Assert.Equal([2], found.Neurons);
        Assert.Equal(Math.Cbrt(22 / 3.0 * (20 / 4.0) * (25 / 3.0)), found.MeanDominance, 6);
        Assert.Equal([2, 2, 2], found.Runs.Select(r => r.Neuron));
        Assert.Equal((22, 2.5, 22 / 3.0), (found.Runs[0].WeightChange, found.Runs[0].MedianChange, found.Runs[0].Dominance));
    }

    [Fact]
    public void A_lead_that_wanders_from_run_to_run_is_none()
    {
        var found = BackdoorDetection.Of([[2, 3, 20, 2, 2, 2], [20, 2, 3, 2, 2, 2], [2, 20, 3, 2, 2, 2]], 2);
        Assert.True(found.Confidence < 0.05 && !found.IsBackdoored);
    }

    [Fact]
    public void Two_neurons_that_lead_together_are_two_targets()
    {
        var found = BackdoorDetection.Of([[2, 3, 20, 2, 18, 2], [2, 2, 22, 2, 25, 3]], 2);
        Assert.Equal([2, 4], found.Neurons);
        Assert.True(found.IsBackdoored);
        Assert.Single(BackdoorDetection.Of([[2, 3, 20, 2, 18, 2], [2, 2, 22, 2, 25, 3]], 1).Neurons);
    }

    [Fact]
    public void One_run_is_never_quite_sure()
    {
        Assert.Equal(0.75, BackdoorDetection.Of([[1, 1, 90, 1]], 2).Confidence);
    }

    [Fact]
    public void Weights_that_did_not_change_say_nothing()
    {
        Assert.False(BackdoorDetection.Of([new double[4], new double[4]], 2).IsBackdoored);
    }
}
