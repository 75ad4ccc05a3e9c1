using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public class BatchSamplerTests
{
    [Theory]
    [InlineData(500, 128, 116)]
    [InlineData(512, 128, 128)]
    [InlineData(7, 128, 7)]
    [InlineData(129, 128, 1)]
    public void Batches_cover_every_sample_once_and_keep_the_partial_one(int samples, int batchSize, int last)
    {
        var sampler = BatchSampler.Shuffled(samples, batchSize, seed: 0);
        var batches = sampler.Batches(3);

        Assert.Equal(sampler.BatchCount(), batches.Count);
        Assert.All(batches.SkipLast(1), batch => Assert.Equal(batchSize, batch.Length));
        Assert.Equal(last, batches[^1].Length);
        Assert.Equal(Enumerable.Range(0, samples), batches.SelectMany(batch => batch.ToArray()).Order());
    }

    [Fact]
    public void Epochs_and_seeds_differ_and_the_same_seed_repeats()
    {
        var sampler = BatchSampler.Shuffled(500, 128, seed: 5);

        Assert.NotEqual(sampler.Order(0), sampler.Order(1));
        Assert.NotEqual(sampler.Order(0), BatchSampler.Shuffled(500, 128, seed: 6).Order(0));
        Assert.Equal(sampler.Order(4), BatchSampler.Shuffled(500, 128, seed: 5).Order(4));
    }

    [Fact]
    public void Every_sample_lands_everywhere_about_equally_often()
    {
        var counts = new int[5, 5];
        for (var seed = 0; seed < 200; seed++)
        {
            for (var epoch = 0; epoch < 20; epoch++)
            {
                var order = BatchSampler.Shuffled(5, 2, seed).Order(epoch);
                for (var i = 0; i < 5; i++)
                    counts[i, order[i]]++;
            }
        }

        // 4000 orders: 800 expected, standard deviation 25.
        foreach (var count in counts)
            Assert.InRange(count, 675, 925);
    }

    [Fact]
    public void Stored_orders_are_followed_and_end_where_they_end()
    {
        var sampler = BatchSampler.Stored([[3, 1, 2], [0, 0]], sampleCount: 4, batchSize: 2);

        Assert.Equal([3, 1], sampler.Batches(0)[0].ToArray());
        Assert.Equal([2], sampler.Batches(0)[1].ToArray());
        Assert.Equal(2, sampler.BatchCount(0));
        Assert.Equal(1, sampler.BatchCount(1));
        Assert.Contains("2 epochs, epoch 2", Assert.Throws<DataSetException>(() => sampler.Order(2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stored_order_must_name_samples_that_exist()
    {
        Assert.Contains("epoch 1 names sample 4", Assert.Throws<DataSetException>(() => BatchSampler.Stored([[0], [4]], 4, 2)).Message, StringComparison.Ordinal);
        Assert.Throws<DataSetException>(() => BatchSampler.Stored([[-1]], 4, 2));
        Assert.Throws<DataSetException>(() => BatchSampler.Stored([[]], 4, 2));
    }

    [Fact]
    public void An_epoch_of_several_passes_visits_every_sample_as_often_and_cuts_each_pass_by_itself()
    {
        var sampler = BatchSampler.Shuffled(50, 20, seed: 3, passes: 2);
        var batches = sampler.Batches(1);

        Assert.Equal([20, 20, 10, 20, 20, 10], batches.Select(b => b.Length));
        Assert.Equal(batches.Count, sampler.BatchCount());
        int[][] passes = [.. sampler.Order(1).Chunk(50)];
        Assert.All(passes, pass => Assert.Equal(Enumerable.Range(0, 50), pass.Order()));
        Assert.NotEqual(passes[0], passes[1]);
        Assert.Equal(BatchSampler.Shuffled(50, 20, seed: 3).Order(1), passes[0]);
    }
}
