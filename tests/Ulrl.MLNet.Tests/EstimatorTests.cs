using Microsoft.ML;
using Microsoft.ML.Data;
using Ulrl.Training;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.MLNet.Tests;

public sealed class EstimatorTests
{
    [Fact]
    public void The_seed_of_the_context_makes_runs_repeatable()
    {
        var first = Fit(new MLContext(seed: 5));
        var again = Fit(new MLContext(seed: 5));
        Assert.Equal(first.Report.Options.Seed, again.Report.Options.Seed);
        Assert.Equal(first.PurifiedModel.ToBytes(), again.PurifiedModel.ToBytes());
        Assert.NotEqual(first.Report.Options.Seed, Fit(new MLContext(seed: 6)).Report.Options.Seed);

        static PurifyBackdoorTransformer Fit(MLContext context)
        {
            using var fitted = context.Transforms.PurifyBackdoor(Example.QuickOptions(o => o.Seed = null)).Fit(Example.View(context, Example.Clean.Take(50)));
            return fitted;
        }
    }

    [Fact]
    public void Every_way_to_give_the_model_purifies_the_same()
    {
        var context = new MLContext(seed: 1);
        var samples = Example.View(context, Example.Clean.Take(50));
        var bytes = File.ReadAllBytes(Example.ModelFile);
        using var stream = new MemoryStream(bytes);
        PurifyBackdoorEstimator[] estimators =
        [
            context.Transforms.PurifyBackdoor("Score", "Features", "Label", Example.ModelFile),
            context.Transforms.PurifyBackdoor("Score", "Features", "Label", bytes),
            context.Transforms.PurifyBackdoor("Score", "Features", "Label", stream),
            context.Transforms.PurifyBackdoor("Score", "Features", "Label", OnnxModel.Load(Example.ModelFile)),
        ];
        Assert.All(estimators, e => Assert.Contains(e.GetOutputSchema(context.Transforms.CustomMapping<object, Example.Row>((_, _) => { }, null).GetOutputSchema(new SchemaShape([]))), c => c.Name == "Score"));

        var models = new List<byte[]>();
        foreach (var change in new Action<PurifyBackdoorEstimator.Options>[] { o => o.ModelFile = Example.ModelFile, o => o.ModelBytes = bytes, o => o.Model = OnnxModel.Load(bytes) })
        {
            var options = Example.QuickOptions(o => o.ModelFile = null);
            change(options);
            using var fitted = new PurifyBackdoorEstimator(context, options).Fit(samples);
            models.Add(fitted.PurifiedModel.ToBytes());
        }

        Assert.Equal(models[0], models[1]);
        Assert.Equal(models[0], models[2]);
    }

    [Fact]
    public void The_log_tells_epochs_the_outcome_and_warnings()
    {
        var context = new MLContext(seed: 1);
        var messages = new List<LoggingEventArgs>();
        context.Log += (_, e) => messages.Add(e);
        var steps = new Steps();
        using var fitted = context.Transforms.PurifyBackdoor(Example.QuickOptions(o => o.Progress = steps)).Fit(Example.View(context, Example.Clean.Take(100)));
        var own = messages.Where(m => m.Source.Contains("PurifyBackdoor", StringComparison.Ordinal)).ToList();
        Assert.Contains(own, m => m.RawMessage == "100 clean samples from columns 'Features' and 'Label'");
        Assert.Contains(own, m => m.RawMessage.StartsWith("Unlearning: epoch 1 of at most 1, loss ", StringComparison.Ordinal));
        Assert.Contains(own, m => m.RawMessage.StartsWith("Relearning: epoch 1 of at most 1, loss ", StringComparison.Ordinal));
        Assert.Contains(own, m => m.RawMessage.StartsWith("Accuracy on the 100 clean samples: ", StringComparison.Ordinal));
        Assert.NotEmpty(fitted.Report.Warnings);
        Assert.Equal(fitted.Report.Warnings, own.Where(m => m.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning).Select(m => m.RawMessage));
        Assert.Equal(2, steps.Reported.Count(s => s.Phase == PurificationPhase.Unlearning));
    }

    [Fact]
    public void The_log_tells_the_search_for_every_kind_of_perturbation_in_one_message()
    {
        var context = new MLContext(seed: 1);
        var messages = new List<string>();
        context.Log += (_, e) => messages.Add(e.RawMessage);
        var purification = new PurificationOptions { UnlearningRuns = 1, UnlearningEpochs = 1, RelearningEpochs = 1 };
        using var fitted = context.Transforms.PurifyBackdoor(Example.QuickOptions(o => o.Purification = purification)).Fit(Example.View(context, Example.Clean.Take(100)));

        Assert.Equal("Search 1 of at most 4: 3 of 3 steps", Assert.Single(messages, m => m.StartsWith("Search 1", StringComparison.Ordinal)));
        Assert.InRange(messages.Count(m => m.StartsWith("Search", StringComparison.Ordinal)), 2, 8);
        Assert.DoesNotContain(messages, m => m.Contains("NaN", StringComparison.Ordinal));
    }

    [Fact]
    public void A_cancelled_token_ends_the_training()
    {
        using var cancellation = new CancellationTokenSource();
        var context = new MLContext(seed: 1);
        var estimator = context.Transforms.PurifyBackdoor(Example.QuickOptions(o =>
        {
            o.CancellationToken = cancellation.Token;
            o.Progress = new Steps(_ => cancellation.Cancel());
        }));
        Assert.ThrowsAny<OperationCanceledException>(() => estimator.Fit(Example.View(context, Example.Clean.Take(100))));
        Assert.ThrowsAny<OperationCanceledException>(() => estimator.Fit(Example.View(context, Example.Clean.Take(100))));
    }

    [Fact]
    public void A_device_that_is_not_there_is_an_error()
    {
        var context = new MLContext(seed: 1);
        var samples = Example.View(context, Example.Clean.Take(50));
        var told = context.Transforms.PurifyBackdoor("Score", "Features", "Label", Example.ModelFile, gpuDeviceId: 99);
        Assert.Contains("cuda:99", Assert.Throws<DeviceException>(() => told.Fit(samples)).Message, StringComparison.Ordinal);
        context.GpuDeviceId = 99;
        var contexts = context.Transforms.PurifyBackdoor(Example.QuickOptions());
        Assert.Contains("cuda:99", Assert.Throws<DeviceException>(() => contexts.Fit(samples)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_CPU_takes_over_for_a_device_that_is_not_there_where_that_is_allowed()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) => { if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning) warnings.Add(e.RawMessage); };
        var samples = Example.View(context, Example.Clean.Take(50));
        using var told = context.Transforms.PurifyBackdoor(Example.QuickOptions(o => (o.GpuDeviceId, o.FallbackToCpu) = (99, true))).Fit(samples);
        Assert.Equal("cpu", told.Report.Device);
        Assert.Contains(warnings, w => w.Contains("CPU", StringComparison.Ordinal));
        (context.GpuDeviceId, context.FallbackToCpu) = (99, true);
        using var contexts = context.Transforms.PurifyBackdoor(Example.QuickOptions()).Fit(samples);
        Assert.Equal("cpu", contexts.Report.Device);
        Assert.Equal(50, contexts.Transform(samples).GetColumn<float[]>("Score").Count());
    }

    [Fact]
    public void Options_that_cannot_be_used_are_refused_by_name()
    {
        Refused("modelFile", o => o.ModelBytes = [1]);
        Refused("modelFile", o => o.ModelFile = null);
        Refused("ScoringBatchSize", o => o.ScoringBatchSize = 0);
        Refused("InputIsNormalized", o => o.InputIsNormalized = true);
        Refused("GpuDeviceId", o => o.GpuDeviceId = -1);
        Refused("ClassNames", o => o.ClassNames = ["one"]);
        Refused("outputColumnName", o => o.OutputColumnName = "Features");
        Refused("outputColumnName", o => o.ProbabilityColumnName = "Score");
        Refused("outputColumnName", o => o.PredictedLabelColumnName = "class.output");
        Refused("LabelColumnName", o => o.LabelColumnName = " ");
        Refused("ConstantInputs", o => o.ConstantInputs = new Dictionary<string, float[]> { ["none"] = [1f] });
        Assert.Contains("missing.onnx", Assert.Throws<InvalidModelException>(() => new PurifyBackdoorEstimator(new MLContext(), Example.QuickOptions(o => o.ModelFile = "missing.onnx"))).Message, StringComparison.Ordinal);
        Assert.Contains("RelearningEpochs", Assert.Throws<UlrlException>(() => new PurifyBackdoorEstimator(new MLContext(), Example.QuickOptions(o => o.Purification = Example.Quick with { RelearningEpochs = 0 }))).Message, StringComparison.Ordinal);

        static void Refused(string parameter, Action<PurifyBackdoorEstimator.Options> change) =>
            Assert.Equal(parameter, Assert.Throws<ArgumentException>(() => new PurifyBackdoorEstimator(new MLContext(), Example.QuickOptions(change))).ParamName);
    }

    private sealed class Steps(Action<PurificationProgress>? then = null) : IProgress<PurificationProgress>
    {
        public List<PurificationProgress> Reported { get; } = [];

        public void Report(PurificationProgress value)
        {
            Reported.Add(value);
            then?.Invoke(value);
        }
    }
}
