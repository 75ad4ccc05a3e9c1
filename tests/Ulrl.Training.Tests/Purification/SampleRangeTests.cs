using Ulrl.Training.Data;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

/// <summary>What samples are perturbed and clipped by.</summary>
public sealed class SampleRangeTests
{
    [Fact]
    public void Images_are_clipped_per_channel()
    {
        var range = new SampleRange(new LabeledSamples([0, 1, 10, 20, 0.5f, 2, 12, 15], [2, 1, 2], [0, 1]));
        float[] sample = [0.5f, 0.5f, 15, 15];

        range.Apply(sample, [4, -4, 4, 10], scale: 0.5f);

        Assert.Equal([2, 0, 17, 20], sample);
    }

    [Fact]
    public void Other_shapes_have_one_range()
    {
        var range = new SampleRange(new LabeledSamples([0, 1, 10, 20], [2, 2], [0]));
        float[] sample = [0, 1, 10, 20];

        range.Apply(sample, [15, -5, 15, 5]);

        Assert.Equal([15, 0, 20, 20], sample);
    }

    [Fact]
    public void Perturbations_are_limited_to_the_width_of_the_range()
    {
        var range = new SampleRange(new LabeledSamples([-1, 1, 10, 20], [2, 1, 2], [0]));
        float[] perturbation = [-5, 1, 5, 50];

        range.Limit(perturbation);

        Assert.Equal([-2, 1, 5, 10], perturbation);
    }

    [Fact]
    public void The_deviation_is_about_the_mean_of_each_channel()
    {
        LabeledSamples Samples(int[] shape) => new([1, 3, 1000, 1006], shape, [0]);

        Assert.Equal(Math.Sqrt(5), new SampleRange(Samples([2, 1, 2])).Deviation, 1e-9);
        Assert.Equal(500.51, new SampleRange(Samples([4])).Deviation, 0.01);
    }
}
