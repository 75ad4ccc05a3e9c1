using Ulrl.Training.Checkpoints.TorchScript;
using Ulrl.Training.Data;
using Ulrl.Training.Tests;
using Ulrl.Training.Tests.Data;
using Ulrl.TorchSharp.Tests.Export;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Tests;

/// <summary>Archives that TorchSharp wrote with <c>torch.jit.save</c>, in the format of a libtorch far newer than the Python that traced them.</summary>
public sealed class SavedTorchScriptTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("densenet")]
    [InlineData("efficientnet")]
    [InlineData("mixed")]
    [InlineData("mobilenet_v3")]
    [InlineData("resnet")]
    [InlineData("vit")]
    public void A_network_that_TorchSharp_saved_gives_the_same_logits(string name)
    {
        using var reference = NpzFile.Open(TestFiles.TestData("torchscript", name + ".npz"));
        var input = reference.Read("input");
        var expected = reference.Read("logits").ToSingles();
        var path = folder[name + ".pt"];
        using (var module = jit.load(TestFiles.TestData("torchscript", name + ".pt"))) jit.save(module, path);

        var model = TorchScriptArchive.Load(path).ToOnnx([1, .. input.Shape.Skip(1).Select(d => (long)d)]);
        using var value = tensor(input.ToSingles(), [.. input.Shape.Select(d => (long)d)]);
        Onnx.AssertClose(expected, Onnx.Run(model, value));
    }
}
