using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public class ChannelNormalizationTests
{
    [Fact]
    public void Normalised_pixels_equal_torchvision()
    {
        using var expected = NpzFile.Open(TestFiles.TestData("data", "torchvision.npz"));
        var samples = DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz")).Normalize(ChannelNormalization.Cifar10);

        Assert.Equal(expected.Read("normalized").ToSingles(), samples.Sample(0).ToArray());
    }

    [Theory]
    [InlineData("cifar10", .4465f, .261f)]
    [InlineData("CIFAR-100", .4409f, .2762f)]
    [InlineData("tiny_imagenet", .3975f, .2262f)]
    [InlineData("gtsrb", 0f, 1f)]
    [InlineData("Mnist", .5f, .5f)]
    public void Presets_are_found_by_name_and_hold_the_published_constants(string name, float lastMean, float lastStd)
    {
        var preset = ChannelNormalization.FromName(name);

        Assert.Equal(lastMean, preset.Mean[^1]);
        Assert.Equal(lastStd, preset.Std[^1], 1e-6f);
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        var error = Assert.Throws<DataSetException>(() => ChannelNormalization.FromName("svhn"));
        Assert.Contains("CIFAR-10, CIFAR-100, Tiny-ImageNet, GTSRB, MNIST", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_are_parsed_as_the_command_line_writes_them()
    {
        var parsed = ChannelNormalization.Parse(".4914,.4822, .4465", "0.247,2.43e-1,.261");

        Assert.Equal(ChannelNormalization.Cifar10.Mean, parsed.Mean);
        Assert.Equal(ChannelNormalization.Cifar10.Std, parsed.Std);
    }

    [Theory]
    [InlineData(".5,.5", ".2")]
    [InlineData(".5,", ".2,.2")]
    [InlineData("", "")]
    [InlineData("a", "1")]
    [InlineData("nan", "1")]
    [InlineData("0", "0")]
    [InlineData("0", "-1")]
    [InlineData("0", "inf")]
    [InlineData("0,1", "1,1e-60")]
    public void A_list_that_makes_no_normalisation_is_refused(string mean, string std) =>
        Assert.Throws<DataSetException>(() => ChannelNormalization.Parse(mean, std));

    [Fact]
    public void A_single_value_holds_for_all_channels_and_other_counts_are_refused()
    {
        var samples = new LabeledSamples([.25f, .5f, .75f], [3, 1, 1], [0]);

        Assert.Equal([-.5f, 0f, .5f], samples.Normalize(ChannelNormalization.Mnist).Values);
        var error = Assert.Throws<DataSetException>(() => samples.Normalize(new([0, 0], [1, 1])));
        Assert.Contains("2 channels, the samples have 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Padding_is_what_a_black_pixel_becomes()
    {
        var black = new LabeledSamples(new float[3], [3, 1, 1], [0]).Normalize(ChannelNormalization.Cifar10);

        Assert.Equal(black.Values, ChannelNormalization.Cifar10.PaddingValues(3));
    }
}
