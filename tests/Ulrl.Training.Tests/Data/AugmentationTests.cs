using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public class AugmentationTests
{
    private static readonly LabeledSamples Samples =
        DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz")).Normalize(ChannelNormalization.Cifar10);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Cropping_and_flipping_normalised_images_equals_torchvision_before_normalising(int which)
    {
        using var expected = NpzFile.Open(TestFiles.TestData("data", "torchvision.npz"));
        var shift = (int[])expected.Read("shifts").Values;
        var augmentation = new Augmentation(Samples.SampleShape, ChannelNormalization.Cifar10);
        var result = new float[Samples.SampleLength];

        augmentation.Shift(Samples.Sample(0), result, shift[3 * which], shift[(3 * which) + 1], shift[(3 * which) + 2] == 1);

        Assert.Equal(expected.Read($"augmented{which}").ToSingles(), result);
    }

    [Fact]
    public void Every_crop_and_both_mirrorings_occur_about_equally_often()
    {
        // An image whose value tells where it came from: one bright pixel in the middle.
        var image = new float[15 * 15];
        image[(7 * 15) + 7] = 1;
        image[(7 * 15) + 8] = 2;
        var augmentation = new Augmentation([1, 15, 15], null, padding: 2);
        var random = new Random(7);
        var seen = new Dictionary<(int Position, bool Flipped), int>();
        var result = new float[image.Length];
        const int Draws = 10_000;
        for (var i = 0; i < Draws; i++)
        {
            augmentation.Fill(image, result, random);
            var at = Array.IndexOf(result, 1f);
            var key = (at, result[at - 1] == 2);
            seen[key] = seen.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(50, seen.Count);
        Assert.All(seen.Values, count => Assert.InRange(count, Draws / 50 * 0.6, Draws / 50 * 1.4));
    }

    [Fact]
    public void The_same_generator_gives_the_same_images_and_another_one_others()
    {
        float[] Run(int seed)
        {
            var augmentation = new Augmentation(Samples.SampleShape, ChannelNormalization.Cifar10);
            var random = new Random(seed);
            var batch = new float[Samples.Values.Length];
            for (var i = 0; i < Samples.Count; i++)
                augmentation.Fill(Samples.Sample(i), batch.AsSpan(i * Samples.SampleLength, Samples.SampleLength), random);
            return batch;
        }

        Assert.Equal(Run(1), Run(1));
        Assert.NotEqual(Run(1), Run(2));
    }

    [Fact]
    public void No_crop_and_no_flip_copy_the_sample()
    {
        var result = new float[Samples.SampleLength];

        new Augmentation(Samples.SampleShape, null, padding: 0, flipProbability: 0).Fill(Samples.Sample(1), result, new Random(1));

        Assert.Equal(Samples.Sample(1).ToArray(), result);
    }

    [Fact]
    public void Padding_wider_than_the_image_can_show_nothing_but_black()
    {
        var normalization = new ChannelNormalization([.5f], [.25f]);
        var augmentation = new Augmentation([1, 2, 3], normalization, padding: 9);
        var result = new float[6];

        foreach (var (down, right) in new[] { (9, 0), (-9, 0), (0, 9), (0, -9), (-9, 9), (2, 0), (0, 3), (0, -3) })
        {
            augmentation.Shift([1, 2, 3, 4, 5, 6], result, down, right, flip: true);
            Assert.All(result, value => Assert.Equal(-2f, value));
        }

        augmentation.Shift([1, 2, 3, 4, 5, 6], result, 1, -2, flip: false);
        Assert.Equal([-2, -2, 4, -2, -2, -2], result);
    }

    [Fact]
    public void Filling_a_batch_allocates_nothing()
    {
        var augmentation = new Augmentation(Samples.SampleShape, ChannelNormalization.Cifar10);
        var random = new Random(3);
        var result = new float[Samples.SampleLength];
        augmentation.Fill(Samples.Sample(0), result, random);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            augmentation.Fill(Samples.Sample(i % Samples.Count), result, random);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Samples_that_are_no_images_are_refused()
    {
        var error = Assert.Throws<DataSetException>(() => new Augmentation([128], null));
        Assert.Contains("[128]", error.Message, StringComparison.Ordinal);
        Assert.Throws<DataSetException>(() => new Augmentation([2, 4, 4], ChannelNormalization.Cifar10));
        Assert.Throws<ArgumentException>(() => new Augmentation([1, 4, 4], null).Fill(new float[15], new float[16], new Random(0)));
    }
}
