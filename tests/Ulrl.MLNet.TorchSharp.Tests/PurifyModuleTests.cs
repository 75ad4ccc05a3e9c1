using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;
using Ulrl.MLNet;
using Ulrl.Training.Data;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Ulrl.MLNet.TorchSharp.Tests;

/// <summary>A live module in an ML.NET pipeline.</summary>
public sealed class PurifyModuleTests
{
    private static readonly LabeledSamples Samples =
        DataSetReader.Read(Path.Combine(AppContext.BaseDirectory, "TestData", "clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(64);

    [Fact]
    public void A_pipeline_purifies_a_module_and_puts_the_weights_back()
    {
        using var scope = NewDisposeScope();
        using var module = Small();
        var before = module.state_dict()["fc.weight"].data<float>().ToArray();
        var context = new MLContext(seed: 1);
        var told = 0;
        var options = Options();
        options.Purified = _ => told++;
        using var fitted = context.Transforms.PurifyBackdoor(module, [1, 3, 32, 32], updateModule: true, options).Fit(View(context));

        Assert.NotEqual(before, module.state_dict()["fc.weight"].data<float>().ToArray());
        Assert.Equal(1, told);
        Assert.Null(options.Model);
        module.eval();
        var expected = module.call(tensor(Samples.Sample(0).ToArray(), 1, 3, 32, 32)).data<float>().ToArray();
        var actual = fitted.Transform(View(context)).GetColumn<float[]>("Score").First();
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-4f));
    }

    [Fact]
    public void A_module_stays_as_it_is_unless_asked_for()
    {
        using var scope = NewDisposeScope();
        using var module = Small();
        var before = module.state_dict()["fc.weight"].data<float>().ToArray();
        var context = new MLContext(seed: 1);
        var estimator = context.Transforms.PurifyBackdoor("Score", "Features", "Label", module, [1, 3, 32, 32]);
        Assert.NotNull(estimator);
        using var fitted = context.Transforms.PurifyBackdoor(module, [1, 3, 32, 32], updateModule: false, Options()).Fit(View(context));
        Assert.Equal(before, module.state_dict()["fc.weight"].data<float>().ToArray());
        Assert.Contains("fc.weight", fitted.PurifiedModel.Initializers.Select(i => i.Name));
    }

    private static PurifyBackdoorEstimator.Options Options() => new()
    {
        Purification = new() { UnlearningEpochs = 1, RelearningEpochs = 1, CropPadding = 0, HorizontalFlip = false },
    };

    private static Module<Tensor, Tensor> Small() => Sequential(
        ("conv", Conv2d(3, 8, 3, padding: 1)), ("norm", BatchNorm2d(8)), ("act", ReLU()), ("pool", AdaptiveAvgPool2d(1)), ("flat", Flatten()), ("fc", Linear(8, 10)));

    private static IDataView View(MLContext context) =>
        context.Data.LoadFromEnumerable(Enumerable.Range(0, Samples.Count).Select(i => new Row { Features = Samples.Sample(i).ToArray(), Label = Samples.Labels[i] }));

    private sealed class Row
    {
        [VectorType(3, 32, 32)]
        public float[] Features { get; set; } = [];

        public int Label { get; set; }
    }
}
