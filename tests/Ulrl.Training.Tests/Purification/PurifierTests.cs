using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Purification;

public sealed class PurifierTests
{
    private static readonly PurificationOptions Plain = Example.Short with { CropPadding = 0, HorizontalFlip = false, CleanThreshold = 0 };

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_seed_others()
    {
        var clean = Example.Clean(64);
        var first = Purifier.Purify(Example.Model(), clean, Example.Short).Model.ToBytes();
        Assert.Equal(first, Purifier.Purify(Example.Model(), clean, Example.Short).Model.ToBytes());
        Assert.NotEqual(first, Purifier.Purify(Example.Model(), clean, Example.Short with { Seed = 1 }).Model.ToBytes());
    }

    [Fact]
    public void The_graph_stays_and_only_trained_numbers_change()
    {
        var model = Example.Model();
        var before = model.ToBytes();
        var purified = Purifier.Purify(model, Example.Clean(64), Example.Short).Model;

        Assert.Equal(before, model.ToBytes());
        Assert.Equal(model.Proto.Graph.Node, purified.Proto.Graph.Node);
        Assert.Equal(model.Proto.Graph.Input, purified.Proto.Graph.Input);
        Assert.All(model.Proto.Graph.Initializer.Zip(purified.Proto.Graph.Initializer), pair =>
        {
            Assert.Equal(pair.First.Name, pair.Second.Name);
            Assert.Equal(pair.First.Dims, pair.Second.Dims);
            Assert.NotEqual(TensorData.ReadFloats(pair.First), TensorData.ReadFloats(pair.Second));
        });
    }

    [Fact]
    public void Every_epoch_can_be_looked_at_and_the_last_is_the_result()
    {
        var epochs = new List<(PurificationPhase Phase, EpochReport Report, byte[] Model)>();

        var result = Purifier.Purify(
            Example.Model(), Example.Clean(64), Example.Short, epochDone: e => epochs.Add((e.Phase, e.Report, e.CopyModel().ToBytes())));

        Assert.Equal(
            result.Report.Unlearning.Epochs.Concat(result.Report.Relearning.Epochs), epochs.Select(e => e.Report));
        Assert.Equal(result.Report.Unlearning.Epochs.Count, epochs.Count(e => e.Phase == PurificationPhase.Unlearning));
        Assert.Equal(result.Model.ToBytes(), epochs[^1].Model);
        Assert.Equal(epochs.Count, epochs.Select(e => Convert.ToHexString(e.Model)).Distinct().Count());
        Assert.Equal(result.Model.ToBytes(), Purifier.Purify(Example.Model(), Example.Clean(64), Example.Short).Model.ToBytes());
    }

    [Fact]
    public void A_suspicious_row_that_is_reflected_stays_while_all_else_trains()
    {
        var options = new PurificationOptions { UnlearningEpochs = 5, UnlearningRuns = 2, RelearningEpochs = 1, Reflect = true, PerturbedShare = 0, Device = Device.Cpu };
        var result = Purifier.Purify(Example.Model(), Example.Clean(256), options);
        Assert.Equal([0], result.Report.SuspiciousNeurons);
        var given = ForwardGraph.Create(Example.Model());
        var purified = ForwardGraph.Create(result.Model);
        float[][] Rows(ForwardGraph graph) => [.. TensorData.ReadFloats(graph.Initializers["linear.weight"]).Chunk(128)];
        Assert.Equal(Rows(given)[0].Select(w => -w), Rows(purified)[0]);
        Assert.All(Rows(given).Zip(Rows(purified)).Skip(1), rows => Assert.NotEqual(rows.First, rows.Second));
        Assert.All(given.Trainable, name => Assert.NotEqual(TensorData.ReadFloats(given.Initializers[name]), TensorData.ReadFloats(purified.Initializers[name])));
        Assert.Equal(result.Model.ToBytes(), Purifier.Purify(Example.Model(), Example.Clean(256), options).Model.ToBytes());
    }

    [Fact]
    public void The_attack_on_the_example_goes_and_its_target_class_stays()
    {
        var options = new PurificationOptions { UnlearningRuns = 2, RelearningEpochs = 10, Device = Device.Cpu };
        var result = Purifier.Purify(Example.Model(), Example.Clean(), options);
        Assert.Equal([0], result.Report.SuspiciousNeurons);
        Assert.True(result.Report.Detection.Confidence > 0.9, $"confidence {result.Report.Detection.Confidence}");
        Assert.DoesNotContain(result.Report.Warnings, w => w.Contains("has been lost", StringComparison.Ordinal));

        using var evaluator = new Evaluator(result.Model);
        var measured = evaluator.Evaluate(Example.Read("test1000.npz"), Example.Read("triggered.npz"));
        Assert.True(measured.Attack!.AttackSuccessRate < 0.06, $"attack success {measured.Attack.AttackSuccessRate}");
        Assert.True(measured.Attack.RobustAccuracy > 0.72, $"robust accuracy {measured.Attack.RobustAccuracy}");
        Assert.True(measured.Clean.Classes[0].Accuracy > 0.75, $"class 0 {measured.Clean.Classes[0].Accuracy}");
        Assert.True(measured.Clean.Accuracy > 0.77, $"clean accuracy {measured.Clean.Accuracy}");
    }

    [Fact]
    public void Presets_carry_their_settings()
    {
        Assert.Equal(new PurificationOptions(), PurificationOptions.Preset(PurificationPreset.Balanced));
        var published = PurificationOptions.Preset(PurificationPreset.Published, "gtsrb");
        Assert.Equal((20, 0.001f, 0.001f, true, false, 0f), (published.RelearningEpochs, published.RelearningLearningRate, published.Alpha, published.Reinitialize, published.Reflect, published.DistillationWeight));
        Assert.False(PurificationOptions.Preset(PurificationPreset.Balanced, "MNIST").HorizontalFlip);
        var error = Assert.Throws<UlrlException>(() => (new PurificationOptions() with { Reflect = true, Reinitialize = true }).Validate());
        Assert.Contains("Reinitialize is True", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_forms_of_the_same_network_are_trained_the_same_way()
    {
        var clean = Example.Clean(64);
        var model = Example.Model();
        var expected = Losses(Purifier.Purify(model, clean, Plain).Report);
        foreach (var variant in new[]
        {
            ModelVariants.WithSoftmax(model),
            ModelVariants.WithFixedBatch(model, 1),
            ModelVariants.WithFixedBatch(model, 4),
            ModelVariants.WithMatMulClassifier(model),
            ModelVariants.WithConvolutionalClassifier(model),
        })
        {
            var report = Purifier.Purify(variant, clean, Plain).Report;
            Assert.Equal(expected, Losses(report), (a, b) => Math.Abs(a - b) <= 1e-3f * Math.Max(1f, Math.Abs(a)));
            Assert.Equal(10, report.Classifier.Classes);
            Assert.Equal(128, report.Classifier.Features);
        }
    }

    [Fact]
    public void Half_precision_weights_train_in_single_and_come_back_in_half_precision()
    {
        var model = ModelVariants.InHalfPrecision(Example.Model());
        var result = Purifier.Purify(model, Example.Clean(64), Plain);
        var expected = Losses(Purifier.Purify(Example.Model(), Example.Clean(64), Plain).Report);

        Assert.Equal(expected, Losses(result.Report), (a, b) => Math.Abs(a - b) <= 0.02f * Math.Max(1f, Math.Abs(a)));
        Assert.Equal(model.Proto.Graph.Initializer.Select(t => t.DataType), result.Model.Proto.Graph.Initializer.Select(t => t.DataType));
        Assert.NotEqual(model.ToBytes(), result.Model.ToBytes());
    }

    [Fact]
    public void Folded_batch_norm_is_trained_through()
    {
        var report = Purifier.Purify(OnnxModel.Load(TestFiles.ZooModel("vgg_slim")), SmallSet("vgg_slim"), Plain with { BatchSize = 8 }).Report;
        Assert.All(Losses(report), loss => Assert.True(float.IsFinite(loss)));
        Assert.True(report.Parameters.Tensors >= 8);
    }

    [Fact]
    public void Cancelling_stops_the_run()
    {
        using var source = new CancellationTokenSource();
        var steps = 0;
        var progress = new Direct(p =>
        {
            steps++;
            if (p.Step == 2) source.Cancel();
        });

        Assert.ThrowsAny<OperationCanceledException>(() => Purifier.Purify(Example.Model(), Example.Clean(128), Example.Short, progress, cancellation: source.Token));
        Assert.Equal(2, steps);
    }

    [Fact]
    public void Progress_covers_both_phases()
    {
        var seen = new List<PurificationProgress>();
        Purifier.Purify(Example.Model(), Example.Clean(80), Example.Short, new Direct(seen.Add));
        Assert.Equal([PurificationPhase.Unlearning, PurificationPhase.Relearning], seen.Select(p => p.Phase).Distinct());
        Assert.Equal([1, 2, 3, 1, 2, 3], seen.Select(p => p.Step));
        Assert.All(seen, p => Assert.True(p.Steps == 3 && p.Accuracy is >= 0 and <= 1));
    }

    [Fact]
    public void Asking_for_cuda_without_a_provider_is_an_error_and_auto_says_what_it_took()
    {
        if (Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider")) return;
        var error = Assert.Throws<DeviceException>(() => Purifier.Purify(Example.Model(), Example.Clean(64), Example.Short with { Device = Device.Parse("cuda:0") }));
        Assert.Contains("CUDA provider", error.Message, StringComparison.Ordinal);

        var notices = new List<string>();
        var report = Purifier.Purify(Example.Model(), Example.Clean(64), Example.Short with { Device = Device.Auto }, notice: notices.Add).Report;
        Assert.Equal("onnxruntime", report.Engine);
        Assert.Equal("cpu", report.Device);
        Assert.Contains("the CPU is used", Assert.Single(notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_that_do_not_fit_are_refused_before_training()
    {
        var clean = Example.Clean(8);
        Refused("label 10", new LabeledSamples(clean.Values, clean.SampleShape, [10, .. clean.Labels[1..]]));
        Refused("shaped [3, 16, 64]", new LabeledSamples(clean.Values, [3, 16, 64], clean.Labels));
        Refused("one sample", clean.Take(1));
        Refused("every sample has label", clean.Subset([0, 0]));
    }

    [Fact]
    public void A_missing_class_is_named_in_the_warnings()
    {
        var clean = Example.Clean(128);
        var without = clean.Subset([.. Enumerable.Range(0, clean.Count).Where(i => clean.Labels[i] != 3)]);
        var report = Purifier.Purify(Example.Model(), without, Example.Short).Report;
        Assert.Contains(report.Warnings, w => w.Contains("no clean sample of class 3", StringComparison.Ordinal));
        Assert.Null(report.Classes[3].Before);
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        var error = Assert.Throws<UlrlException>(() => Purifier.Purify(Example.Model(), Example.Clean(8), new PurificationOptions { Momentum = 1f }));
        Assert.Contains("Momentum is 1", error.Message, StringComparison.Ordinal);
    }

    private static void Refused(string reason, LabeledSamples samples)
    {
        var error = Assert.Throws<DataSetException>(() => Purifier.Purify(Example.Model(), samples, Example.Short));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private static float[] Losses(PurificationReport report) =>
        [.. report.Unlearning.Epochs.Concat(report.Relearning.Epochs).SelectMany(e => e.CrossEntropies)];

    private static LabeledSamples SmallSet(string zoo)
    {
        using var npz = NpzFile.Open(TestFiles.ZooReference(zoo));
        var input = npz.Read("input");
        return new LabeledSamples(input.ToSingles(), input.Shape[1..], [.. npz.Read("labels").ToInt64s().Select(l => (int)l)]);
    }

    private sealed class Direct(Action<PurificationProgress> report) : IProgress<PurificationProgress>
    {
        public void Report(PurificationProgress value) => report(value);
    }
}
