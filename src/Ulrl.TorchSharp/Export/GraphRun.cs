using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;
using static TorchSharp.torch;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.TorchSharp.Export;

/// <summary>One run of the written graph on the example, with what every module takes and gives.</summary>
internal sealed class GraphRun : IDisposable
{
    private readonly Dictionary<string, OrtValue> values = new(StringComparer.Ordinal);
    private readonly IDisposableReadOnlyCollection<OrtValue> outputs;
    private readonly OrtValue input;
    private readonly ScalarType type;
    private readonly global::TorchSharp.torch.Device device;

    public GraphRun(OnnxModel model, OnnxGraph graph, Tensor example)
    {
        (type, device) = (example.dtype, example.device);
        var open = model.Clone();
        var names = new List<string> { graph.Options.OutputName };
        foreach (var tensor in graph.Calls.SelectMany(c => c.Inputs.Append(c.Output)))
        {
            var name = tensor.Value.Name;
            if (name == graph.Options.InputName || names.Contains(name)) continue;
            names.Add(name);
            open.Proto.Graph.Output.Add(GraphBuilder.ValueInfo(name, tensor.Type, [.. tensor.Dims.Select(d => d.OrMinusOne)]));
        }

        using var scope = NewDisposeScope();
        var flat = example.cpu().contiguous();
        input = type == ScalarType.Int64
            ? OrtValue.CreateTensorValueFromMemory(flat.data<long>().ToArray(), example.shape)
            : OrtValue.CreateTensorValueFromMemory(flat.to(ScalarType.Float32).data<float>().ToArray(), example.shape);
        using var session = OrtSessions.Open(open.ToBytes(), global::Ulrl.Training.Runtime.Device.Cpu, 0, optimise: false);
        using var options = new RunOptions();
        outputs = session.Run(options, [graph.Options.InputName], [input], names);
        for (var i = 0; i < names.Count; i++) values[names[i]] = outputs[i];
        values[graph.Options.InputName] = input;
    }

    /// <summary>The elements of a float tensor.</summary>
    public float[] Values(string name) => values[name].GetTensorDataAsSpan<float>().ToArray();

    /// <summary>A tensor as the live module takes it.</summary>
    public Tensor Tensor(string name)
    {
        var value = values[name];
        var info = value.GetTensorTypeAndShape();
        return info.ElementDataType == global::Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Int64
            ? tensor(value.GetTensorDataAsSpan<long>().ToArray(), info.Shape, device: device)
            : tensor(Values(name), info.Shape, device: device).to(type);
    }

    public void Dispose()
    {
        outputs.Dispose();
        input.Dispose();
    }
}
