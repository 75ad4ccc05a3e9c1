using Ulrl.Training.Data;
using Ulrl.Training.Tests.Purification;

namespace Ulrl.Training.Tests.Data;

/// <summary>Mixup and CutMix.</summary>
public sealed class SampleMixerTests
{
    private const int Batches = 400;
    private const int Height = 6;
    private const int Width = 10;
    private static readonly int[] Shape = [2, Height, Width];

    [Fact]
    public void A_batch_is_mixed_in_one_of_two_ways_and_shares_say_how_much_is_left()
    {
        var mixer = new SampleMixer(Shape);
        var random = new Random(0);
        var (blended, cut) = (new List<float>(), new List<float>());
        for (var batch = 0; batch < Batches; batch++)
        {
            var values = Numbered(5, 2 * Height * Width);
            var mixed = mixer.Mix(values, [0, 1, 2, 3, 4], random);

            Assert.Equal([0, 1, 2, 3, 4], mixed.Select(m => m.Partner).Order());
            var whole = mixed.All(m => values.Skip(m.Sample * 2 * Height * Width).Take(2 * Height * Width).Distinct().Count() == 1);
            foreach (var sample in mixed.Where(m => m.Partner != m.Sample))
            {
                var planes = values.Skip(sample.Sample * 2 * Height * Width).Take(2 * Height * Width).Chunk(Height * Width).ToArray();
                Assert.Equal(planes[0], planes[1]);
                (whole ? blended : cut).Add(sample.Share);
                if (whole) Assert.Equal((sample.Share * sample.Sample) + ((1 - sample.Share) * sample.Partner), planes[0][0], 1e-5f);
                else AssertIsCut(sample, planes[0]);
            }
        }

        // Uniform ratios; boxes lose what sticks out.
        Assert.Equal(0.5, blended.Average(), 0.05);
        Assert.InRange(cut.Average(), 0.5, 0.75);
        Assert.InRange(Math.Min(blended.Min(), cut.Min()), 0, 0.05);
        Assert.InRange(Math.Max(blended.Max(), cut.Max()), 0.95, 1);
        Assert.InRange((double)cut.Count / (cut.Count + blended.Count), 0.4, 0.6);
    }

    [Fact]
    public void Only_the_chosen_samples_change_and_partners_are_taken_as_they_were()
    {
        var clean = Example.Clean(16);
        var values = clean.Values.ToArray();
        int[] chosen = [3, 4, 9, 15];

        var mixed = new SampleMixer(clean.SampleShape).Mix(values, chosen, new Random(3));

        Assert.Equal(chosen, mixed.Select(m => m.Sample));
        Assert.Contains(mixed, m => m.Partner != m.Sample);
        for (var i = 0; i < 16; i++)
        {
            var after = values.AsSpan(i * clean.SampleLength, clean.SampleLength);
            var partner = chosen.Contains(i) ? mixed.Single(m => m.Sample == i).Partner : i;
            var own = clean.Sample(i);
            var other = clean.Sample(partner);
            for (var v = 0; v < after.Length; v++) Assert.InRange(after[v], Math.Min(own[v], other[v]) - 1e-5f, Math.Max(own[v], other[v]) + 1e-5f);
        }
    }

    [Fact]
    public void The_same_numbers_give_the_same_bytes()
    {
        var clean = Example.Clean(8);
        float[] Mixed(int seed)
        {
            var mixer = new SampleMixer(clean.SampleShape);
            var random = new Random(seed);
            var values = clean.Values.ToArray();
            for (var i = 0; i < 3; i++) mixer.Mix(values, [0, 1, 2, 3, 5], random);
            return values;
        }

        Assert.Equal(Mixed(1), Mixed(1));
        Assert.NotEqual(Mixed(1), Mixed(2));
    }

    [Fact]
    public void What_is_no_image_is_blended()
    {
        var mixer = new SampleMixer([Height, Width]);
        var random = new Random(1);
        for (var batch = 0; batch < 20; batch++)
        {
            var values = Numbered(4, Height * Width);
            foreach (var sample in mixer.Mix(values, [0, 2], random))
                Assert.All(values.Skip(sample.Sample * Height * Width).Take(Height * Width), v => Assert.Equal((sample.Share * sample.Sample) + ((1 - sample.Share) * sample.Partner), v, 1e-5f));
            Assert.All(values.Skip(Height * Width).Take(Height * Width), v => Assert.Equal(1f, v));
        }
    }

    // One box of the partner's pixels, as large as the share leaves.
    private static void AssertIsCut(MixedSample sample, float[] plane)
    {
        Assert.All(plane, v => Assert.True(v == sample.Sample || v == sample.Partner, $"{v} is of neither sample"));
        var inside = Enumerable.Range(0, plane.Length).Where(i => plane[i] == sample.Partner).ToArray();
        Assert.Equal(1 - sample.Share, (double)inside.Length / plane.Length, 1e-5);
        if (inside.Length == 0) return;
        var (rows, columns) = (inside.Select(i => i / Width).Distinct().Count(), inside.Select(i => i % Width).Distinct().Count());
        Assert.Equal(inside.Length, rows * columns);
        Assert.Equal(rows, (inside.Max() / Width) - (inside.Min() / Width) + 1);
    }

    // Every value of a sample is its place in the batch.
    private static float[] Numbered(int count, int length) => [.. Enumerable.Range(0, count * length).Select(i => (float)(i / length))];
}
