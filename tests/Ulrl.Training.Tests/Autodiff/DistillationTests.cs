using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Purification;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>The distance to the given model's answers, on a network whose biases alone have moved.</summary>
public sealed class DistillationTests
{
    private const float Weight = 1.5f;
    private const float Temperature = 2f;
    private static readonly float[] Shift = [1f, -0.5f, 0.25f, 0, 0, 2f, 0, 0, -1f, 0];

    [Theory]
    [InlineData(false, false, false, 0f)]
    [InlineData(true, false, false, 0f)]
    [InlineData(false, true, false, 0f)]
    [InlineData(true, true, false, 0f)]
    [InlineData(false, true, true, 0f)]
    [InlineData(false, true, false, 1.25f)]
    public void Loss_and_gradient_are_those_of_the_formula(bool portable, bool otherSamples, bool fixedBatch, float correction)
    {
        var model = Example.Model();
        var both = Example.Clean(12);

        // The first sample is the same one.
        var (clean, other) = (both.Take(6), both.Subset([0, 7, 8, 9, 10, 11]));
        var labels = clean.Labels.Select(l => (long)l).ToArray();
        var own = Logits(model, clean);
        var given = otherSamples ? Logits(model, other) : own;

        // Of one class that is a label, and one that is none.
        var lowered = new[] { (int)labels[2], Enumerable.Range(0, 10).First(c => !labels.Contains(c)) };
        var corrections = new float[10];
        foreach (var c in lowered) corrections[c] = correction;

        var forward = ForwardGraph.Create(fixedBatch ? ModelVariants.WithFixedBatch(model, 4) : model);
        var options = new TrainingGraphOptions
        {
            Objective = new Distillation(new CrossEntropy(), Weight, Temperature, correction == 0 ? null : corrections),
            Mode = NetworkMode.Evaluate,
            Portable = portable,
        };
        var graph = TrainingGraph.Step(forward, Prober.Run(forward, clean.SampleShape), options, new SgdOptions(0f, 0f, null));
        using var session = new TrainingSession(forward, graph, clean.SampleShape, Device.Cpu, 1);
        var bias = TensorData.ReadFloats(forward.Initializers["linear.bias"]).Zip(Shift, (b, s) => b + s).ToArray();
        session.Reset(new Dictionary<string, float[]> { ["linear.bias"] = bias });
        var result = session.Step(clean.Values.ToArray(), labels, 1f, otherSamples ? other.Values : default);

        var (loss, gradient) = Expected(own, [.. given.Select((logit, i) => i < 10 || labels[i / 10] == i % 10 ? logit : logit - corrections[i % 10])], clean.Labels);
        Assert.Equal(loss, result.Loss, 1e-4);
        var moved = session.ReadState()["linear.bias"];
        Assert.All(Enumerable.Range(0, 10), c => Assert.Equal(gradient[c], bias[c] - moved[c], 1e-5));
    }

    [Fact]
    public void Frozen_rows_stay_to_the_bit_and_the_others_move()
    {
        var clean = Example.Clean(6);
        var forward = ForwardGraph.Create(Example.Model());
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Frozen = new FrozenRows("linear.weight", 0, [3, 8]) };
        var graph = TrainingGraph.Step(forward, Prober.Run(forward, clean.SampleShape), options, new SgdOptions(0.9f, 0f, null));
        using var session = new TrainingSession(forward, graph, clean.SampleShape, Device.Cpu, 1);
        for (var i = 0; i < 2; i++) session.Step(clean.Values.ToArray(), clean.Labels.Select(l => (long)l).ToArray(), 0.1f);

        var before = TensorData.ReadFloats(forward.Initializers["linear.weight"]).Chunk(128);
        var after = session.ReadState()["linear.weight"].Chunk(128);
        Assert.Equal([3, 8], before.Zip(after).Select((rows, i) => (rows, i)).Where(p => p.rows.First.SequenceEqual(p.rows.Second)).Select(p => p.i));
    }

    private static float[] Logits(OnnxModel model, LabeledSamples samples) =>
        GradientCalculator.Compute(model, samples.Values, samples.SampleShape, samples.Labels, NetworkMode.Evaluate).Logits;

    // In double precision: the logits moved by the shift against the given ones.
    private static (double Loss, double[] Gradient) Expected(float[] own, float[] given, int[] labels)
    {
        var gradient = new double[10];
        var loss = 0.0;
        foreach (var (row, n) in given.Chunk(10).Select((r, n) => (r, n)))
        {
            var moved = own.Skip(10 * n).Take(10).Zip(Shift, (z, s) => (double)(z + s)).ToArray();
            var answer = Softmax(moved);
            var soft = Softmax([.. moved.Select(z => z / Temperature)]);
            var target = Softmax([.. row.Select(z => (double)z / Temperature)]);
            loss -= Math.Log(answer[labels[n]]) / labels.Length;
            for (var c = 0; c < 10; c++)
            {
                loss += Weight * Temperature * Temperature * target[c] * Math.Log(target[c] / soft[c]) / labels.Length;
                gradient[c] += (answer[c] - (c == labels[n] ? 1 : 0) + (Weight * Temperature * (soft[c] - target[c]))) / labels.Length;
            }
        }

        return (loss, gradient);
    }

    private static double[] Softmax(double[] logits)
    {
        var exponentials = logits.Select(z => Math.Exp(z - logits.Max())).ToArray();
        return [.. exponentials.Select(e => e / exponentials.Sum())];
    }
}
