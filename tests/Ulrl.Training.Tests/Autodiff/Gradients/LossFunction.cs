using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>
/// The mean cross-entropy of a network as a function of its parameters: logits by the runtime on the given model,
/// in its own opset, the rest in double precision. A label of −1 takes no part in the sum.
/// </summary>
internal sealed class LossFunction : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly Dictionary<string, float[]> values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OrtValue> inputs = new(StringComparer.Ordinal);
    private readonly long[] labels;

    public LossFunction(OnnxModel model, IReadOnlyCollection<string> parameters, float[] samples, long[] labels)
    {
        this.labels = labels;
        var proto = model.Proto.Clone();
        foreach (var tensor in proto.Graph.Initializer.Where(t => parameters.Contains(t.Name)).ToList())
        {
            proto.Graph.Initializer.Remove(tensor);
            proto.Graph.Input.Add(GraphBuilder.ValueInfo(tensor.Name, DataType.Float, [.. tensor.Dims]));
            values[tensor.Name] = TensorData.ReadFloats(tensor);
            inputs[tensor.Name] = OrtValue.CreateTensorValueFromMemory(values[tensor.Name], [.. tensor.Dims]);
        }

        inputs[CaseGraph.Input] = OrtValue.CreateTensorValueFromMemory(samples, [labels.Length, samples.Length / labels.Length]);
        session = OrtSessions.Open(new OnnxModel(proto).ToBytes(), Device.Cpu, 1);
    }

    /// <summary>Central difference quotients by every entry of a parameter.</summary>
    public double[] Differences(string parameter, float step)
    {
        var entries = values[parameter];
        var quotients = new double[entries.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            var given = entries[i];
            entries[i] = given + step;
            var (above, high) = (Loss(), entries[i]);
            entries[i] = given - step;
            quotients[i] = (above - Loss()) / ((double)high - entries[i]);
            entries[i] = given;
        }

        return quotients;
    }

    public void Dispose()
    {
        foreach (var value in inputs.Values) value.Dispose();
        options.Dispose();
        session.Dispose();
    }

    private double Loss()
    {
        using var results = session.Run(options, inputs, [CaseGraph.Logits]);
        var logits = results[0].GetTensorDataAsSpan<float>();
        var sum = 0.0;
        for (var n = 0; n < labels.Length; n++)
        {
            if (labels[n] < 0) continue;
            var row = logits.Slice(n * CaseGraph.Classes, CaseGraph.Classes);
            var total = 0.0;
            foreach (var logit in row) total += Math.Exp(logit);
            sum += Math.Log(total) - row[(int)labels[n]];
        }

        return sum / labels.Length;
    }
}
