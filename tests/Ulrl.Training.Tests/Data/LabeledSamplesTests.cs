using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public class LabeledSamplesTests
{
    private static LabeledSamples Three() => new([1, 2, 3, 4, 5, 6], [2], [4, 0, 4], target: 1, source: "three");

    [Fact]
    public void Subset_takes_samples_in_the_given_order_and_keeps_the_target()
    {
        var subset = Three().Subset([2, 0, 2]);

        Assert.Equal([5, 6, 1, 2, 5, 6], subset.Values);
        Assert.Equal([4, 4, 4], subset.Labels);
        Assert.Equal(1, subset.Target);
        Assert.Equal("three", subset.Source);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(9, 3)]
    public void Take_gives_the_first_samples(int asked, int given)
    {
        var taken = Three().Take(asked);

        Assert.Equal(given, taken.Count);
        Assert.Equal(Three().Values[..(2 * given)], taken.Values);
    }

    [Fact]
    public void A_batch_is_copied_plain_or_augmented()
    {
        var samples = new LabeledSamples([1, 2, 3, 4, 5, 6], [1, 1, 2], [4, 0, 4]);
        var values = new float[4];
        var labels = new long[2];

        samples.CopyBatch([2, 1], values, labels);
        Assert.Equal([5, 6, 3, 4], values);
        Assert.Equal([4, 0], labels);

        samples.CopyBatch([0, 2], values, labels, new Augmentation([1, 1, 2], null, padding: 0, flipProbability: 1), new Random(0));
        Assert.Equal([2, 1, 6, 5], values);
        Assert.Equal([4, 4], labels);
    }

    [Fact]
    public void Classes_present_are_distinct_and_ascending() => Assert.Equal([0, 4], Three().ClassesPresent());

    [Fact]
    public void A_label_beyond_the_classes_is_named_with_its_sample()
    {
        Three().CheckLabels(5);
        var error = Assert.Throws<DataSetException>(() => new LabeledSamples([0, 0, 0], [1], [1, 4, 5], source: "set").CheckLabels(4));
        Assert.Contains("set: sample 1 has label 4", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<DataSetException>(() => new LabeledSamples([0], [1], [1], target: 7).CheckLabels(4));
        Assert.Contains("target is 7", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "infinite")]
    [InlineData(float.NegativeInfinity, "infinite")]
    public void A_value_that_is_not_finite_is_refused_wherever_it_stands(float bad, string named)
    {
        for (var position = 0; position < 3 * 67; position++)
        {
            var values = new float[3 * 67];
            Array.Fill(values, float.MaxValue);
            values[position] = bad;
            var error = Assert.Throws<DataSetException>(() => new LabeledSamples(values, [67], [0, 1, 2], source: "file.npz"));
            Assert.Contains($"file.npz: sample {position / 67} ", error.Message, StringComparison.Ordinal);
            Assert.Contains(named, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Lengths_labels_and_shapes_are_checked()
    {
        Assert.Contains("no samples", Assert.Throws<DataSetException>(() => new LabeledSamples([], [2], [])).Message, StringComparison.Ordinal);
        Assert.Contains("do not agree", Assert.Throws<DataSetException>(() => new LabeledSamples([1, 2, 3], [2], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("sample 1 has label -2", Assert.Throws<DataSetException>(() => new LabeledSamples([1, 2], [1], [0, -2])).Message, StringComparison.Ordinal);
        Assert.Contains("dimension 0", Assert.Throws<DataSetException>(() => new LabeledSamples([1], [1, 0], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("no dimensions", Assert.Throws<DataSetException>(() => new LabeledSamples([1], [], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("too large", Assert.Throws<DataSetException>(() => new LabeledSamples([1], [65536, 65536, 65536, 65536], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("sample 3 does not exist", Assert.Throws<DataSetException>(() => Three().Subset([0, 3])).Message, StringComparison.Ordinal);
        Assert.Contains("no samples", Assert.Throws<DataSetException>(() => Three().Subset([])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Normalising_twice_is_refused()
    {
        var normalization = new ChannelNormalization([.5f], [.25f]);
        var once = Three().Normalize(normalization);

        Assert.Same(normalization, once.Normalization);
        Assert.Equal((1 - .5f) / .25f, once.Values[0]);
        Assert.Throws<DataSetException>(() => once.Normalize(normalization));
    }

    [Fact]
    public void Normalising_out_of_the_range_of_float_is_refused() =>
        Assert.Contains("infinite", Assert.Throws<DataSetException>(() => new LabeledSamples([1e38f], [1], [0]).Normalize(new([0f], [1e-3f]))).Message, StringComparison.Ordinal);
}
