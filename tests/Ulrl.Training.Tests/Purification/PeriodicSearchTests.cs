using System.Numerics.Tensors;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Sinusoids that carry every sample to one class, tried on the bundled example, whose backdoor is a patch.</summary>
public sealed class PeriodicSearchTests
{
    private static readonly float[] Sinusoid = [.. Enumerable.Range(0, 3 * 1024).Select(i => MathF.Sin(2 * MathF.PI * 6 * (i % 32) / 32))];

    [Fact]
    public void The_sinusoid_of_a_trigger_is_found()
    {
        var path = Search(ModelVariants.WithPictureTrigger(Example.Model(), Sinusoid, target: 7), 7);

        Assert.Equal((PerturbationKind.Periodic, PerturbationGoal.To(7)), (path.Kind, path.Goal));
        Assert.InRange(path.Reach, 0.9, 1);
        Assert.Equal(path.Success[^1], path.Reach);
        Assert.Equal(1f, path.Snapshots.Max(s => TensorPrimitives.CosineSimilarity<float>(s.Values, Sinusoid)), 1e-5f);
    }

    [Fact]
    public void The_best_are_kept_at_both_lengths_with_their_success()
    {
        var clean = Example.Clean();
        var range = new SampleRange(clean);

        var path = Search(Example.Model(), 2);

        Assert.Equal(8, path.Snapshots.Count);
        double[] lengths = [.. path.Snapshots.Select(s => TensorPrimitives.Norm<float>(s.Values) / range.LengthScale)];
        Assert.All(lengths[..4], l => Assert.Equal(19, l, 1e-3));
        Assert.All(lengths[4..], l => Assert.Equal(25, l, 1e-3));
        Assert.Equal([path.Snapshots.Take(4).Max(s => s.Success), path.Snapshots[4].Success], path.Success);
        Assert.Equal(path.Snapshots.Skip(4).Select(s => s.Success).OrderDescending(), path.Snapshots.Skip(4).Select(s => s.Success));
    }

    [Fact]
    public void Every_sinusoid_is_reported_and_a_search_repeats_itself()
    {
        var reported = new List<(int Done, int Of)>();

        var first = Search(Example.Model(), 1, (done, of) => reported.Add((done, of)));
        var second = Search(Example.Model(), 1);

        Assert.Equal(Enumerable.Range(1, 192).Select(done => (done, 192)), reported);
        Assert.Equal(first.Snapshots.SelectMany(s => s.Values), second.Snapshots.SelectMany(s => s.Values));
        Assert.Equal(first.Success, second.Success);
    }

    [Fact]
    public void A_cancelled_search_ends()
    {
        using var source = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() => Search(Example.Model(), 1, (done, _) =>
        {
            if (done == 3) source.Cancel();
        }, source.Token));
    }

    private static SharedPerturbationPath Search(OnnxModel model, int target, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        var clean = Example.Clean();
        using var evaluator = new Evaluator(model, threads: 1);
        return new PeriodicSearch(clean, new SampleRange(clean), evaluator, seed: 0).Search(target, progress, cancellation);
    }
}
