using TorchSharp;
using Ulrl.TorchSharp.Engine;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using Ulrl.Training.Tests.Purification;
using Ulrl.Training.Tests.Runtime;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Training sessions of both engines.</summary>
public sealed class SessionTests
{
    private const string Weight = "linear.weight";
    private static readonly SgdOptions Sgd = new(Momentum: 0.9f, WeightDecay: 5e-4f, ClipNorm: 20f);

    [Theory]
    [InlineData(0.9f, 0f, null)]
    [InlineData(0.9f, 5e-4f, 20f)]
    [InlineData(0f, 0.1f, 0.01f)]
    public void Both_engines_take_the_same_steps(float momentum, float weightDecay, float? clip)
    {
        var (losses, states) = Run(new SgdOptions(momentum, weightDecay, clip), new CrossEntropy(), steps: 4);

        AssertSame(losses, states);
    }

    [Fact]
    public void Both_engines_ascend_the_loss()
    {
        var (losses, states) = Run(Sgd, new CrossEntropy(sign: -1f), steps: 4);

        Assert.True(losses[1][^1] < losses[1][0] - 0.1f, "the cross-entropy does not rise");
        AssertSame(losses, states);
    }

    [Fact]
    public void Both_engines_relearn_away_from_the_given_rows()
    {
        var (losses, states) = Run(new SgdOptions(0.9f, 0f, null), new Alignment(Weight, 0, Given(), [0, 3], 0.7f), steps: 4);

        AssertSame(losses, states);
    }

    [Fact]
    public void Both_engines_distil_from_the_given_model_with_frozen_rows()
    {
        var objective = new Distillation(new CrossEntropy(), 2f, 2f);
        var (losses, states) = Run(new SgdOptions(0.9f, 0f, null), objective, steps: 4, new FrozenRows(Weight, 0, [0]));

        AssertSame(losses, states);
        var (before, after) = (Given(), states[1][Weight]);
        var features = before.Length / 10;
        Assert.Equal(before[..features], after[..features]);
        Assert.NotEqual(before[features..], after[features..]);
    }

    [Fact]
    public void Both_engines_distil_from_what_the_given_model_says_of_other_samples()
    {
        var objective = new Distillation(new CrossEntropy(), 2f, 2f);
        var sgd = new SgdOptions(0.9f, 0f, null);
        var (losses, states) = Run(sgd, objective, steps: 3, mirrored: true);

        AssertSame(losses, states);
        Assert.NotEqual(Run(sgd, objective, steps: 1).Losses[1][0], losses[1][0], 1e-2f);
    }

    [Fact]
    public void Both_engines_lower_what_the_given_model_says_of_samples_in_another_form()
    {
        var (plain, corrected) = (new Distillation(new CrossEntropy(), 2f, 2f), new Distillation(new CrossEntropy(), 2f, 2f, [3f, .. new float[9]]));
        var sgd = new SgdOptions(0.9f, 0f, null);
        var (losses, states) = Run(sgd, corrected, steps: 3, mirrored: true);

        AssertSame(losses, states);
        Assert.NotEqual(Run(sgd, plain, steps: 1, mirrored: true).Losses[1][0], losses[1][0], 1e-2f);
        Assert.Equal(Run(sgd, plain, steps: 1).Losses[1][0], Run(sgd, corrected, steps: 1).Losses[1][0], 1e-5f);
    }

    [Fact]
    public void Both_engines_leave_samples_without_a_label_out()
    {
        var samples = Example.Clean(32);
        var labels = samples.Labels.Select((l, i) => i % 3 == 0 ? -1L : l).ToArray();
        var objective = new Distillation(new Alignment(Weight, 0, Given(), [0], 0.7f), 2f, 2f);
        var found = Engines.Select(engine =>
        {
            using var session = engine.Open(Setup(objective), Sgd);
            var steps = Enumerable.Range(0, 3).Select(_ => session.Step(samples.Values, labels, 0.01f)).ToArray();
            return (Steps: steps, State: session.ReadState());
        }).ToArray();

        Assert.Equal(found[0].Steps.Select(s => (s.Correct, s.Count)), found[1].Steps.Select(s => (s.Correct, s.Count)));
        Assert.All(found[0].Steps, step => Assert.Equal(21, step.Count));
        Assert.All(found[0].Steps.Zip(found[1].Steps), s => Assert.Equal(s.First.CrossEntropy, s.Second.CrossEntropy, 1e-3f * s.First.CrossEntropy));
        AssertSame([.. found.Select(f => f.Steps.Select(s => s.Loss).ToArray())], [.. found.Select(f => f.State)]);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_a_reset_starts_again()
    {
        var setup = Setup(new CrossEntropy());
        var runs = new List<IReadOnlyDictionary<string, float[]>>();
        using var session = TorchSharpEngine.Instance.Open(setup, Sgd);
        for (var run = 0; run < 2; run++)
        {
            session.Reset();
            Steps(session, 3);
            runs.Add(session.ReadState());
        }

        using var other = TorchSharpEngine.Instance.Open(setup, Sgd);
        Steps(other, 3);
        runs.Add(other.ReadState());
        Assert.All(runs, run => Assert.All(run, tensor => Assert.Equal(runs[0][tensor.Key], tensor.Value)));
    }

    [Fact]
    public void A_reset_takes_over_replaced_values()
    {
        using var session = TorchSharpEngine.Instance.Open(Setup(new CrossEntropy()), Sgd);
        var replaced = Given();
        replaced[7] = 3f;

        session.Reset(new Dictionary<string, float[]> { [Weight] = replaced });

        Assert.Equal(replaced, session.ReadState()[Weight]);
    }

    [Fact]
    public void A_shift_and_its_opposite_leave_the_next_steps_as_they_are() => SessionShift.AssertUndone(TorchSharpEngine.Instance);

    [Fact]
    public void A_shift_leaves_momenta_and_running_statistics() => SessionShift.AssertMomentaStay(TorchSharpEngine.Instance);

    [Fact]
    public void A_displaced_step_moves_the_other_weights_by_the_gradient_at_the_displaced_ones() =>
        SessionShift.AssertStepsWhereDisplaced(TorchSharpEngine.Instance);

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Running_statistics_are_those_of_the_other_engine(int batch)
    {
        var (graph, model) = GradientCheck.Network(15, g =>
        [
            g.Op("BatchNormalization", [g.Add(Batch(3)), g.Add(Param(3)), g.Add(Param(3)), g.Add(Floats([3], 0.3f, -0.2f, 0f)), g.Add(Floats([3], 0.7f, 1.8f, 1f))], ("momentum", 0.6f)),
        ]);
        var samples = graph.Samples(batch);
        var states = Engines.Select(engine =>
        {
            var forward = ForwardGraph.Create(model);
            var setup = new TrainingSetup(forward, Prober.Run(forward, [3]), [3], new TrainingGraphOptions { Objective = new CrossEntropy() }, Device.Cpu, 1);
            using var session = engine.Open(setup, Sgd);
            session.Step(samples, Enumerable.Range(0, batch).Select(i => i % 3L).ToArray(), 0.1f);
            return session.ReadState();
        }).ToArray();

        foreach (var (name, values) in states[0]) Assert.All(values.Zip(states[1][name]), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void Dropout_follows_its_seed_and_keeps_the_mean()
    {
        var (graph, model) = GradientCheck.Network(18, g => [g.Op("Dropout", [g.Add(Batch(64)), g.Add(Scalar(0.4f))])]);
        var (samples, labels) = (graph.Samples(256), Enumerable.Range(0, 256).Select(i => i % 3L).ToArray());
        float[] Losses(int? seed)
        {
            var forward = ForwardGraph.Create(model);
            var options = new TrainingGraphOptions { Objective = new CrossEntropy(), DropoutSeed = seed };
            using var session = TorchSharpEngine.Instance.Open(new TrainingSetup(forward, Prober.Run(forward, [64]), [64], options, Device.Cpu, 1), Sgd);
            return [session.Step(samples, labels, 0f).Loss, session.Step(samples, labels, 0f).Loss];
        }

        var (off, on) = (Losses(null), Losses(3));
        Assert.Equal(off[0], off[1]);
        Assert.NotEqual(on[0], on[1]);
        Assert.Equal(on, Losses(3));
        Assert.NotEqual(on, Losses(4));
        Assert.InRange(on[0], 0.8f * off[0], 1.5f * off[0]);
    }

    [Fact]
    public void A_step_can_be_cancelled_and_taken_again_after_a_reset()
    {
        var setup = Setup(new CrossEntropy());
        using var session = TorchSharpEngine.Instance.Open(setup, Sgd);
        using var source = new CancellationTokenSource();
        source.Cancel();
        var samples = Example.Clean(32);

        Assert.Throws<OperationCanceledException>(() => session.Step(samples.Values, Labels(samples.Labels), 0.01f, cancellation: source.Token));

        session.Reset();
        using var other = TorchSharpEngine.Instance.Open(setup, Sgd);
        Assert.Equal(Steps(other, 2), Steps(session, 2));
    }

    [Fact]
    public void An_operator_without_an_entry_is_refused_before_anything_runs()
    {
        var (graph, model) = GradientCheck.Network(18, g =>
        {
            var shifted = g.B.Op("BitShift", [g.B.Add(Unsigned(1)), g.B.Add(Unsigned(1))], ("direction", "LEFT"));
            return [g.Add(Batch(2)) * g.B.Op("Cast", [shifted], ("to", 1L))];
        });
        var forward = ForwardGraph.Create(model);
        var setup = new TrainingSetup(forward, Prober.Run(forward, [graph.InputSize]), [graph.InputSize], new TrainingGraphOptions { Objective = new CrossEntropy() }, Device.Cpu, 1);

        var refused = Assert.Throws<UnsupportedOperatorException>(() => TorchSharpEngine.Instance.Open(setup, Sgd));

        Assert.Equal(("BitShift", 18), (refused.OperatorType, refused.Opset));
        Assert.Contains("use the engine onnxruntime", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cuda_without_a_device_is_an_error_and_auto_says_that_it_takes_the_CPU()
    {
        if (torch.cuda.is_available()) return;
        var notices = new List<string>();

        var error = Assert.Throws<DeviceException>(() => TorchSharpEngine.Instance.Resolve(Device.Parse("cuda:0"), null));
        Assert.Equal(Device.Cpu, TorchSharpEngine.Instance.Resolve(Device.Auto, notices.Add));

        Assert.Contains("TorchSharp-cuda", error.Message, StringComparison.Ordinal);
        Assert.Contains("the CPU is used", Assert.Single(notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_are_those_of_the_session_only_while_it_computes()
    {
        var before = torch.get_num_threads();
        try
        {
            torch.set_num_threads(2);
            using var session = TorchSharpEngine.Instance.Open(Setup(new CrossEntropy()), Sgd);
            Steps(session, 1);
            Assert.Equal(2, torch.get_num_threads());
        }
        finally
        {
            torch.set_num_threads(before);
        }
    }

    private static TrainingEngine[] Engines => [TrainingEngine.OnnxRuntime, TorchSharpEngine.Instance];

    private static float[] Given() => TensorData.ReadFloats(ForwardGraph.Create(Example.Model()).Initializers[Weight]);

    private static long[] Labels(IEnumerable<int> labels) => [.. labels.Select(l => (long)l)];

    private static TrainingSetup Setup(IObjective objective, FrozenRows? frozen = null)
    {
        var forward = ForwardGraph.Create(Example.Model());
        var options = new TrainingGraphOptions { Objective = objective, Frozen = frozen, DropoutSeed = 5 };
        return new TrainingSetup(forward, Prober.Run(forward, [3, 32, 32]), [3, 32, 32], options, Device.Cpu, 1);
    }

    private static (float[][] Losses, IReadOnlyDictionary<string, float[]>[] States) Run(SgdOptions sgd, IObjective objective, int steps, FrozenRows? frozen = null, bool mirrored = false)
    {
        var found = Engines.Select(engine =>
        {
            using var session = engine.Open(Setup(objective, frozen), sgd);
            return (Steps(session, steps, mirrored), session.ReadState());
        }).ToArray();
        return ([.. found.Select(f => f.Item1)], [.. found.Select(f => f.Item2)]);
    }

    // Mirrored: the given model is asked about the batch back to front.
    private static float[] Steps(ITrainingSession session, int steps, bool mirrored = false)
    {
        var samples = Example.Clean(32 * steps);
        var losses = new float[steps];
        for (var i = 0; i < steps; i++)
        {
            var values = samples.Values.AsMemory(i * 32 * samples.SampleLength, 32 * samples.SampleLength);
            var given = mirrored ? values.ToArray().Reverse().ToArray() : default;
            losses[i] = session.Step(values, Labels(samples.Labels.Skip(i * 32).Take(32)), 0.01f, given).Loss;
        }

        return losses;
    }

    private static void AssertSame(float[][] losses, IReadOnlyDictionary<string, float[]>[] states)
    {
        Assert.All(losses[0].Zip(losses[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * Math.Abs(pair.First)));
        Assert.Equal(states[0].Keys.Order(StringComparer.Ordinal), states[1].Keys.Order(StringComparer.Ordinal));
        foreach (var (name, values) in states[0])
        {
            EngineComparison.AssertClose(name, values, states[1][name], 1e-2);
        }
    }

    private static Training.Onnx.Proto.TensorProto Unsigned(byte value) => new()
    {
        DataType = (int)Training.Onnx.Proto.TensorProto.Types.DataType.Uint8,
        RawData = Google.Protobuf.ByteString.CopyFrom(value),
    };
}
