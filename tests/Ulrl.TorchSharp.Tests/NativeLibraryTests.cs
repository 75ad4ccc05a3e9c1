using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace Ulrl.TorchSharp.Tests;

/// <summary>libtorch and ONNX Runtime each bring their own threads; both must work in one process.</summary>
public sealed class NativeLibraryTests
{
    private static readonly string Model = Path.Combine(AppContext.BaseDirectory, "TestData", "preact_badnet_t0.onnx");

    [Fact]
    public void Libtorch_and_ONNX_Runtime_work_in_turns_in_one_process()
    {
        var pixels = new float[64 * 3 * 32 * 32];
        Array.Fill(pixels, 0.5f);
        using var session = new InferenceSession(Model);
        float[]? first = null;
        for (var turn = 0; turn < 3; turn++)
        {
            using var a = torch.ones(512, 512);
            using var product = a.matmul(a);
            Assert.Equal(512f, product.mean().item<float>());

            using var input = OrtValue.CreateTensorValueFromMemory(pixels, [64, 3, 32, 32]);
            using var options = new RunOptions();
            using var outputs = session.Run(options, ["input"], [input], ["logits"]);
            var logits = outputs[0].GetTensorDataAsSpan<float>().ToArray();
            first ??= logits;
            Assert.Equal(first, logits);
        }
    }
}
