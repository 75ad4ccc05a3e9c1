using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using Ulrl.Training.Onnx;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Tests.Export;

/// <summary>Runs exported models on the real runtime.</summary>
internal static class Onnx
{
    public static float[] Run(OnnxModel model, Tensor input)
    {
        using var session = new InferenceSession(model.ToBytes());
        using var value = input.dtype == ScalarType.Int64
            ? OrtValue.CreateTensorValueFromMemory(input.data<long>().ToArray(), input.shape)
            : OrtValue.CreateTensorValueFromMemory(input.to(ScalarType.Float32).data<float>().ToArray(), input.shape);
        using var options = new RunOptions();
        using var outputs = session.Run(options, [model.Inputs[0].Name], [value], [model.Outputs[0].Name]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public static float[] Live(nn.Module<Tensor, Tensor> module, Tensor input)
    {
        module.eval();
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return module.call(input).to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }

    public static void AssertClose(float[] expected, float[] actual, float tolerance = 1e-4f)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"element {i}: {expected[i]} and {actual[i]}");
    }
}
