using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;
using TrainingSession = Ulrl.Training.Runtime.TrainingSession;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Batch-norm's running statistics and dropout's masks while training.</summary>
public sealed class TrainModeTests
{
    private static readonly float[] RunningMean = [0.3f, -0.2f];
    private static readonly float[] RunningVariance = [0.7f, 1.8f];

    [Theory]
    [InlineData(7, null, false)]
    [InlineData(9, 0.6f, true)]
    [InlineData(14, 0.8f, false)]
    [InlineData(15, null, true)]
    [InlineData(23, 0.99f, false)]
    public void Running_statistics_blend_the_batch_mean_and_the_unbiased_variance(long opset, float? momentum, bool portable)
    {
        (string, object)[] attributes = momentum is { } given ? [("momentum", given)] : [];
        var (graph, model) = GradientCheck.Network(opset, g =>
        [
            g.Op("BatchNormalization", [g.Add(Batch(2, 3)), g.Add(Param(2)), g.Add(Param(2)), g.Add(Floats([2], RunningMean)), g.Add(Floats([2], RunningVariance))], attributes),
        ]);
        var samples = graph.Samples(4);
        var forward = ForwardGraph.Create(model);
        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Portable = portable };
        var training = TrainingGraph.Step(forward, Prober.Run(forward, [6]), options, new SgdOptions(0.9f, 0f, null));
        using var session = new TrainingSession(forward, training, [6], Device.Cpu, 1);

        session.Step(samples, new long[] { 0, 1, 2, 1 }, 0f);

        var state = session.ReadState();
        var node = forward.Graph.Node.Single(n => n.OpType == "BatchNormalization");
        var kept = momentum ?? 0.9f;
        for (var channel = 0; channel < 2; channel++)
        {
            var entries = Enumerable.Range(0, 4).SelectMany(n => samples.Skip((n * 6) + (channel * 3)).Take(3)).ToArray();
            var mean = entries.Average();
            var variance = entries.Sum(e => (e - mean) * (e - mean)) / (entries.Length - 1);
            Assert.Equal((RunningMean[channel] * kept) + (mean * (1 - kept)), state[node.Input[3]][channel], 1e-5f);
            Assert.Equal((RunningVariance[channel] * kept) + (variance * (1 - kept)), state[node.Input[4]][channel], 1e-5f);
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(10)]
    [InlineData(12)]
    [InlineData(22)]
    public void Dropout_drops_backwards_what_it_dropped_forwards(long opset)
    {
        var model = Dropout(opset);
        var (logits, gradient) = Run(model, seed: 3, batch: 16);

        Assert.Contains(logits, l => l == 0f);
        Assert.Contains(logits, l => l != 0f);
        var expected = new double[4];
        for (var n = 0; n < 16; n++)
        {
            var row = logits.AsSpan(n * 4, 4).ToArray();
            var total = row.Sum(l => Math.Exp(l));
            for (var c = 0; c < 4; c++)
            {
                var byLogit = (Math.Exp(row[c]) / total) - (c == n % 4 ? 1 : 0);
                if (row[c] != 0f) expected[c] += byLogit / 16 / 0.6;
            }
        }

        for (var c = 0; c < 4; c++) Assert.Equal(expected[c], gradient[c], 1e-5);
    }

    [Fact]
    public void Dropout_draws_the_same_masks_from_the_same_seed()
    {
        var model = Dropout(13);

        Assert.Equal(Run(model, 3, 16).Logits, Run(model, 3, 16).Logits);
        Assert.NotEqual(Run(model, 3, 16).Logits, Run(model, 4, 16).Logits);
    }

    [Fact]
    public void Without_a_seed_dropout_is_off()
    {
        Assert.All(Run(Dropout(13), null, 4).Logits, l => Assert.Equal(1f, l));
    }

    // logits = dropout(0·x + bias), drop probability 0.4, a bias of ones.
    private static OnnxModel Dropout(long opset)
    {
        var g = new CaseGraph(opset, 1);
        g.B.Input("x", TensorProto.Types.DataType.Float, -1, 4);
        var hidden = (g.Op("Tanh", [g.B["x"]]) * g.B.Scalar(0f)) + g.Add(Param(4).Of(1f));
        var dropped = opset < 12 ? g.Op("Dropout", [hidden], ("ratio", 0.4f)) : g.Op("Dropout", [hidden, g.B.Scalar(0.4f)]);
        var model = g.Unfinished([dropped]);
        model.Proto.Graph.Output[0] = LogitsOf(dropped.Name);
        return model;
    }

    private static ValueInfoProto LogitsOf(string name) =>
        GraphBuilder.ValueInfo(name, TensorProto.Types.DataType.Float, -1, 4);

    private static (float[] Logits, float[] Gradient) Run(OnnxModel model, int? seed, int batch)
    {
        var forward = ForwardGraph.Create(model);
        var training = TrainingGraph.GradientsOnly(forward, Prober.Run(forward, [4]), new TrainingGraphOptions
        {
            Objective = new CrossEntropy(),
            DropoutSeed = seed,
            Trains = name => name == "p0",
        });
        using var session = OrtSessions.Open(training.Model.ToBytes(), Device.Cpu, 1);
        using var x = OrtValue.CreateTensorValueFromMemory(new float[batch * 4], [batch, 4]);
        using var labels = OrtValue.CreateTensorValueFromMemory(Enumerable.Range(0, batch).Select(n => (long)(n % 4)).ToArray(), [batch]);
        using var bias = OrtValue.CreateTensorValueFromMemory(new[] { 1f, 1f, 1f, 1f }, [4]);
        using var options = new RunOptions();
        using var results = session.Run(options, new Dictionary<string, OrtValue> { ["x"] = x, [TrainingGraph.Labels] = labels, ["p0"] = bias }, [TrainingGraph.Logits, TrainingGraph.Gradient("p0")]);
        return (results[0].GetTensorDataAsSpan<float>().ToArray(), results[1].GetTensorDataAsSpan<float>().ToArray());
    }
}
