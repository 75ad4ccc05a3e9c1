using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Torch;
using Ulrl.TorchSharp.Export;
using static TorchSharp.torch;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.TorchSharp;

/// <summary>Writes TorchSharp modules as ONNX.</summary>
public static class OnnxExport
{
    private const int Seed = 0;

    /// <summary>Writes a module as an ONNX model, and checks on an example that the two compute the same.</summary>
    /// <param name="module">
    /// A module with one input and one output, float32 or float64: TorchSharp's own layers and containers, and modules that implement
    /// <see cref="IOnnxExportable"/> or have an exporter registered with <see cref="OnnxExporters"/>. It is not changed.
    /// </param>
    /// <param name="exampleShape">Shape of an input, the batch included, e.g. [1, 3, 32, 32]. The example's values are random.</param>
    /// <param name="options">Names, batch and opset; defaults when null.</param>
    /// <returns>
    /// The model: its initializers are the module's parameters under the names of its state dict; batch-norm and dropout are nodes of
    /// their own, for training.
    /// </returns>
    /// <exception cref="OnnxExportException">Nothing says how a module is written, or its nodes compute something else; the message names its path.</exception>
    public static OnnxModel ToOnnx(this nn.Module module, ReadOnlySpan<long> exampleShape, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        var count = 1L;
        foreach (var size in exampleShape) count = size > 0 ? checked(count * size) : throw new ArgumentException($"[{string.Join(", ", exampleShape.ToArray())}] is no shape of an example; every size must be positive.", nameof(exampleShape));
        var random = new Random(Seed);
        var values = new float[count];
        for (var i = 0; i < values.Length; i++) values[i] = (float)Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * (float)Math.Cos(2 * Math.PI * random.NextDouble());
        using var scope = NewDisposeScope();
        return module.ToOnnx(tensor(values, exampleShape.ToArray()), options);
    }

    /// <summary>Writes a module as an ONNX model, and checks on an example that the two compute the same.</summary>
    /// <param name="module">As for <see cref="ToOnnx(nn.Module, ReadOnlySpan{long}, OnnxExportOptions?)"/>.</param>
    /// <param name="example">An input, the batch included: float32, or int64 for a module that begins with an embedding.</param>
    /// <param name="options">Names, batch and opset; defaults when null.</param>
    /// <inheritdoc cref="ToOnnx(nn.Module, ReadOnlySpan{long}, OnnxExportOptions?)" path="/returns|/exception"/>
    public static OnnxModel ToOnnx(this nn.Module module, Tensor example, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(example);
        options ??= new OnnxExportOptions();
        if (options.Opset is < TorchGraph.LowestOpset or > TorchGraph.HighestOpset)
            throw new OnnxExportException($"opset {options.Opset} is not written; give one from {TorchGraph.LowestOpset} to {TorchGraph.HighestOpset}.");
        if (options.BatchDimension is { } batch && (batch < 0 || batch >= example.dim()))
            throw new OnnxExportException($"the batch is dimension {batch} of an example of shape [{string.Join(", ", example.shape)}], which has none; set OnnxExportOptions.BatchDimension.");
        var elements = example.dtype switch
        {
            ScalarType.Float32 or ScalarType.Float64 => DataType.Float,
            ScalarType.Int64 => DataType.Int64,
            _ => throw new OnnxExportException($"the example holds {example.dtype}; give float32, float64 or int64."),
        };

        if (module.GetType() is { IsGenericType: true } type && (type.GetGenericTypeDefinition() == typeof(ModuleList<>) || type.GetGenericTypeDefinition() == typeof(ModuleDict<>)))
            throw new OnnxExportException($"a {OnnxGraph.TypeName(module)} has no forward pass, and its modules are registered by the module that owns it; export that one.");

        using var scope = NewDisposeScope();
        using var evaluation = new EvaluationMode(module);
        var state = new ModuleState(module);
        var half = state.Tensors.FirstOrDefault(t => t.Value.dtype is ScalarType.Float16 or ScalarType.BFloat16);
        if (half.Key is not null)
            throw new OnnxExportException($"parameter '{half.Key}' is {half.Value.dtype}; call module.to(ScalarType.Float32) first.");
        var parameter = state.Tensors.Where(t => state.IsParameter(t.Key)).Select(t => t.Value).FirstOrDefault();
        if (parameter is not null)
            example = elements == DataType.Float ? example.to(parameter.dtype, parameter.device) : example.to(parameter.device);
        var graph = new OnnxGraph(state, options);
        Dim[] dims = [.. example.shape.Select((size, i) => i == options.BatchDimension ? new Dim(Dim.FirstBatch, Dim.SecondBatch) : new Dim(size, size))];
        var logits = graph.Call(module, graph.Wrap(graph.Torch.Input(options.InputName, elements, dims)));
        graph.Torch.Output(options.OutputName, logits.Tensor);
        var model = graph.Torch.Finish(module.GetName());
        LiveCheck.Run(module, example, model, graph);
        return model;
    }
}
