using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Purification;

/// <summary>Batch-norm that convolutions get for the time of the training; vgg_slim has convolutions with biases and no batch-norm.</summary>
public sealed class BatchNormRestorationTests
{
    private static readonly PurificationOptions Options = new() { BatchSize = 8, UnlearningEpochs = 1, UnlearningRuns = 1, RelearningEpochs = 1, CropPadding = 0, HorizontalFlip = false, Device = Device.Cpu };

    [Fact]
    public void Restored_batch_norm_changes_no_answer_until_it_is_trained_and_folds_back()
    {
        var model = OnnxModel.Load(TestFiles.ZooModel("vgg_slim"));
        var restoration = Restore(model)!;
        Assert.Equal(model.Proto.Graph.Node.Count(n => n.OpType == "Conv"), restoration.Model.Proto.Graph.Node.Count(n => n.OpType == "BatchNormalization"));
        AssertClose(Logits(model), Logits(restoration.Model));
        AssertClose(Logits(model), Logits(restoration.Fold(restoration.Model)));
    }

    [Fact]
    public void A_trained_batch_norm_folds_into_a_model_with_the_given_nodes_and_the_same_answers()
    {
        var model = OnnxModel.Load(TestFiles.ZooModel("vgg_slim"));
        var restoration = Restore(model)!;
        var trained = Purifier.Purify(restoration.Model, Clean(), Options).Model;
        var folded = restoration.Fold(trained);
        Assert.Equal(model.Proto.Graph.Node, folded.Proto.Graph.Node);
        Assert.Equal(model.Proto.Graph.Initializer.Select(t => (t.Name, t.Dims)), folded.Proto.Graph.Initializer.Select(t => (t.Name, t.Dims)));
        AssertClose(Logits(trained), Logits(folded));
        Assert.True(Logits(model).Zip(Logits(folded), (a, b) => Math.Abs(a - b)).Max() > 0.01f, "nothing was trained");
    }

    [Fact]
    public void Weights_in_Constant_nodes_keep_what_was_trained()
    {
        var model = ModelVariants.WithLinearWeightsInConstants(OnnxModel.Load(TestFiles.ZooModel("vgg_slim")));
        var restoration = Restore(model)!;
        var trained = Purifier.Purify(restoration.Model, Clean(), Options).Model;
        var folded = restoration.Fold(trained);
        Assert.NotEqual(model.Proto.Graph.Node.Where(n => n.OpType == "Constant"), folded.Proto.Graph.Node.Where(n => n.OpType == "Constant"));
        AssertClose(Logits(trained), Logits(folded));
    }

    [Fact]
    public void Purification_restores_it_only_where_that_is_asked_for()
    {
        var model = OnnxModel.Load(TestFiles.ZooModel("vgg_slim"));
        OnnxModel Purified(bool restore) => Purifier.Purify(model, Clean(), Options with { RestoreBatchNorm = restore }).Model;
        var (with, without) = (Purified(true), Purified(false));
        Assert.Equal(model.Proto.Graph.Node, with.Proto.Graph.Node);
        Assert.NotEqual(with.ToBytes(), without.ToBytes());
        Assert.False(PurificationOptions.Published().RestoreBatchNorm);
    }

    [Theory]
    [InlineData("vit")]
    [InlineData("densenet")]
    [InlineData("attention_mlp")]
    public void Networks_that_normalise_otherwise_or_still_have_it_are_left_alone(string name) =>
        Assert.Null(Restore(OnnxModel.Load(TestFiles.ZooModel(name)), name));

    private static BatchNormRestoration? Restore(OnnxModel model, string name = "vgg_slim")
    {
        var clean = Clean(name);
        var forward = ForwardGraph.Create(model);
        var loader = new BatchLoader(clean, null, Options.BatchSize, seed: 0, purpose: 0);
        return BatchNormRestoration.Of(model, forward, Prober.Run(forward, clean.SampleShape), ClassifierLayer.Find(model), clean, loader, Options, Device.Cpu, CancellationToken.None);
    }

    private static LabeledSamples Clean(string name = "vgg_slim")
    {
        using var reference = NpzFile.Open(TestFiles.ZooReference(name));
        var input = reference.Read("input");
        return new LabeledSamples(input.ToSingles(), input.Shape[1..], [.. reference.Read("labels").ToInt64s().Select(l => (int)l)]);
    }

    private static float[] Logits(OnnxModel model)
    {
        var clean = Clean();
        return GradientCalculator.Compute(model, clean.Values, clean.SampleShape, clean.Labels, NetworkMode.Evaluate).Logits.ToArray();
    }

    private static void AssertClose(float[] expected, float[] found)
    {
        var largest = expected.Max(Math.Abs);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-4f * largest));
    }
}
