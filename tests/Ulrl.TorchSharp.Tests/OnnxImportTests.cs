using TorchSharp;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Data;
using Ulrl.Training.Purification;
using Ulrl.TorchSharp.Tests.Export;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Ulrl.TorchSharp.Tests;

/// <summary>Weights on their way back into the live module.</summary>
public sealed class OnnxImportTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public OnnxImportTests() => random.manual_seed(3);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Purified_weights_and_running_statistics_come_back_by_name()
    {
        var module = Small();
        var samples = DataSetReader.Read(Path.Combine(AppContext.BaseDirectory, "TestData", "clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(64);
        var before = module.state_dict()["norm.running_mean"].clone();
        var model = module.ToOnnx([1, 3, 32, 32]);
        var result = Purifier.Purify(model, samples, new PurificationOptions { UnlearningEpochs = 1, RelearningEpochs = 1 });

        module.LoadFrom(result.Model);

        var input = randn(4, 3, 32, 32);
        Onnx.AssertClose(Onnx.Run(result.Model, input), Onnx.Live(module, input));
        Assert.NotEqual(before.data<float>().ToArray(), module.state_dict()["norm.running_mean"].data<float>().ToArray());
    }

    [Fact]
    public void A_live_module_is_purified_in_place()
    {
        var module = Small();
        var samples = DataSetReader.Read(Path.Combine(AppContext.BaseDirectory, "TestData", "clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(64);
        var before = module.state_dict()["conv.weight"].clone();

        var result = module.Purify(samples, new PurificationOptions { UnlearningEpochs = 1, RelearningEpochs = 1 });

        var input = randn(4, 3, 32, 32);
        Onnx.AssertClose(Onnx.Run(result.Model, input), Onnx.Live(module, input));
        Assert.NotEqual(before.data<float>().ToArray(), module.state_dict()["conv.weight"].data<float>().ToArray());
    }

    [Fact]
    public void What_does_not_match_is_named_and_nothing_is_copied()
    {
        var module = Small();
        var weight = module.state_dict()["conv.weight"].clone();
        var other = Sequential(("conv", Conv2d(3, 8, 3, padding: 1)), ("norm", BatchNorm2d(8)), ("flat", Flatten()), ("head", Linear(8 * 32 * 32, 10))).ToOnnx([1, 3, 32, 32]);

        var error = Assert.Throws<OnnxExportException>(() => module.LoadFrom(other));
        Assert.Equal(
            "the model does not hold the weights of this module: missing 'fc.weight', 'fc.bias'; unexpected 'head.weight', 'head.bias'; give a model that module.ToOnnx wrote.",
            error.Message);
        Assert.Equal(weight.data<float>().ToArray(), module.state_dict()["conv.weight"].data<float>().ToArray());

        module.LoadFrom(other, strict: false);
        Assert.NotEqual(weight.data<float>().ToArray(), module.state_dict()["conv.weight"].data<float>().ToArray());
        var wider = Sequential(("conv", Conv2d(3, 9, 3, padding: 1))).ToOnnx([1, 3, 32, 32]);
        error = Assert.Throws<OnnxExportException>(() => module.LoadFrom(wider, strict: false));
        Assert.Contains("wrongly shaped 'conv.weight' is [9, 3, 3, 3] instead of [8, 3, 3, 3]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TorchSharp_reads_what_is_written_without_it_and_the_other_way_round()
    {
        var folder = Directory.CreateTempSubdirectory("ulrl-dat-").FullName;
        try
        {
            var (given, copy) = (Path.Combine(folder, "given.dat"), Path.Combine(folder, "copy.dat"));
            var module = Small();
            module.save(given);
            var checkpoint = TorchCheckpoint.Load(given);
            TorchCheckpoint.SaveTorchSharp(copy, checkpoint.UpdatedBy(module.ToOnnx([1, 3, 32, 32])));
            Assert.Equal(File.ReadAllBytes(given), File.ReadAllBytes(copy));
            var other = Small();
            other.load(copy);
            Assert.Equal(module.state_dict()["fc.weight"].data<float>().ToArray(), other.state_dict()["fc.weight"].data<float>().ToArray());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Module<Tensor, Tensor> Small() => Sequential(
        ("conv", Conv2d(3, 8, 3, padding: 1)), ("norm", BatchNorm2d(8)), ("act", ReLU()), ("pool", AdaptiveAvgPool2d(1)), ("flat", Flatten()), ("fc", Linear(8, 10)));
}
