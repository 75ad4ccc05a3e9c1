using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Torch;
using Ulrl.TorchSharp.Export;
using static TorchSharp.torch;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.TorchSharp;

/// <summary>
/// Writes the forward pass of a module as ONNX nodes, in PyTorch's vocabulary. An exporter calls the modules inside its own with
/// <see cref="Call(nn.Module, OnnxValue)"/> and writes what happens between them with the operators here and those of
/// <see cref="OnnxValue"/>.
/// </summary>
public sealed class OnnxGraph
{
    private readonly ModuleState state;
    private readonly List<ModuleCall> calls = [];
    private string path = "";

    internal OnnxGraph(ModuleState state, OnnxExportOptions options)
    {
        this.state = state;
        Options = options;
        Torch = new TorchGraph(options.Opset, message => new OnnxExportException($"{Where()}: {message}."));
    }

    internal OnnxExportOptions Options { get; }

    internal TorchGraph Torch { get; }

    /// <summary>The calls so far; a module stands behind those inside it.</summary>
    internal IReadOnlyList<ModuleCall> Calls => calls;

    /// <summary>Writes a module that is registered in the one being exported: its nodes carry its path, its initializers their names in the state dict.</summary>
    /// <param name="module">A module with one input and one output. Those of a ModuleList or ModuleDict are applied one after another.</param>
    /// <param name="x">Its input.</param>
    /// <exception cref="OnnxExportException">Nothing says how the module is written, or it cannot be.</exception>
    public OnnxValue Call(nn.Module module, OnnxValue x)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Enter(module, [x], () =>
        {
            var export = OnnxExporters.Find(module) ?? throw new OnnxExportException(
                $"{Where()}: nothing says how a {TypeName(module)} is written as ONNX; let it implement IOnnxExportable, e.g. 'public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Relu(graph.Call(conv, x) + x);', or register an exporter with OnnxExporters.Register<{TypeName(module)}>.");
            return export(this, module, x);
        });
    }

    /// <summary>Writes multi-head attention: queries, keys and values [length, batch, features], no masks; the output of the module's pair that is not the weights.</summary>
    /// <param name="module">The module.</param>
    /// <param name="query">Queries [length, batch, features].</param>
    /// <param name="key">Keys [other length, batch, key features].</param>
    /// <param name="value">Values [other length, batch, value features].</param>
    /// <exception cref="OnnxExportException">The module adds biases or zeros to keys and values, or its number of heads cannot be told.</exception>
    public OnnxValue Call(MultiheadAttention module, OnnxValue query, OnnxValue key, OnnxValue value)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Enter(module, [query, key, value], () => AttentionModules.Attention(this, module, query, key, value));
    }

    /// <summary>Writes <c>torch.nn.Bilinear</c>.</summary>
    /// <param name="module">The module.</param>
    /// <param name="a">[batch, in1].</param>
    /// <param name="b">[batch, in2].</param>
    public OnnxValue Call(Bilinear module, OnnxValue a, OnnxValue b)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Enter(module, [a, b], () => Wrap(Torch.Bilinear(a.Tensor, b.Tensor, State("weight"), Optional(module.bias, "bias"))));
    }

    /// <summary>A parameter or buffer of the module being exported. A parameter becomes an initializer, which training changes; a buffer a constant.</summary>
    /// <param name="name">Its name in that module's state dict, e.g. <c>scale</c>.</param>
    /// <exception cref="OnnxExportException">There is none.</exception>
    public OnnxValue Parameter(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Wrap(State(name));
    }

    /// <summary>Numbers that are not trained.</summary>
    /// <param name="values">Row-major values.</param>
    /// <param name="shape">Sizes; none for a scalar.</param>
    public OnnxValue Constant(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) => Wrap(Torch.Constant(values, shape));

    /// <summary><c>torch.relu</c>.</summary>
    public OnnxValue Relu(OnnxValue x) => Unary("Relu", x);

    /// <summary><c>torch.sigmoid</c>.</summary>
    public OnnxValue Sigmoid(OnnxValue x) => Unary("Sigmoid", x);

    /// <summary><c>torch.tanh</c>.</summary>
    public OnnxValue Tanh(OnnxValue x) => Unary("Tanh", x);

    /// <summary><c>torch.exp</c>.</summary>
    public OnnxValue Exp(OnnxValue x) => Unary("Exp", x);

    /// <summary><c>torch.log</c>.</summary>
    public OnnxValue Log(OnnxValue x) => Unary("Log", x);

    /// <summary><c>torch.sqrt</c>.</summary>
    public OnnxValue Sqrt(OnnxValue x) => Unary("Sqrt", x);

    /// <summary><c>torch.abs</c>.</summary>
    public OnnxValue Abs(OnnxValue x) => Unary("Abs", x);

    /// <summary><c>torch.pow</c> by a number.</summary>
    public OnnxValue Pow(OnnxValue x, float exponent) => Binary("Pow", x, exponent);

    /// <summary><c>torch.nn.functional.gelu</c>, by the error function.</summary>
    public OnnxValue Gelu(OnnxValue x) => Wrap(Torch.Gelu(x.Tensor));

    /// <summary><c>torch.nn.functional.silu</c>.</summary>
    public OnnxValue Silu(OnnxValue x) => Wrap(Torch.Silu(x.Tensor));

    /// <summary><c>torch.nn.functional.hardswish</c>.</summary>
    public OnnxValue Hardswish(OnnxValue x) => Unary("HardSwish", x);

    /// <summary><c>torch.softmax</c>.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="dim">The dimension whose elements sum to 1.</param>
    public OnnxValue Softmax(OnnxValue x, long dim = -1) => Wrap(Torch.Softmax(x.Tensor, dim));

    /// <summary><c>torch.clamp</c>.</summary>
    public OnnxValue Clamp(OnnxValue x, float? low, float? high) => Wrap(Torch.Clamp(x.Tensor, low, high));

    /// <summary><c>torch.matmul</c>.</summary>
    public OnnxValue MatMul(OnnxValue a, OnnxValue b) => Wrap(Torch.MatMul(a.Tensor, b.Tensor));

    /// <summary><c>torch.cat</c>.</summary>
    /// <param name="dim">The dimension to join along.</param>
    /// <param name="values">Tensors that are equal in the other dimensions.</param>
    public OnnxValue Concat(long dim, params ReadOnlySpan<OnnxValue> values)
    {
        var tensors = new TorchTensor[values.Length];
        for (var i = 0; i < tensors.Length; i++) tensors[i] = values[i].Tensor;
        return Wrap(Torch.Concat(dim, tensors));
    }

    /// <summary><c>torch.flatten</c>.</summary>
    public OnnxValue Flatten(OnnxValue x, long startDim = 1, long endDim = -1) => Wrap(Torch.Flatten(x.Tensor, startDim, endDim));

    /// <summary><c>torch.reshape</c>.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="shape">The new sizes; −1, once, for the dimension that takes what is left, the batch among it.</param>
    public OnnxValue Reshape(OnnxValue x, params ReadOnlySpan<long> shape) => Wrap(Torch.View(x.Tensor, TorchGraph.Fixed(shape)));

    /// <summary><c>torch.permute</c>.</summary>
    public OnnxValue Permute(OnnxValue x, params ReadOnlySpan<long> dims) => Wrap(Torch.Permute(x.Tensor, dims));

    /// <summary><c>torch.transpose</c>.</summary>
    public OnnxValue Transpose(OnnxValue x, long dim0, long dim1) => Wrap(Torch.Transpose(x.Tensor, dim0, dim1));

    /// <summary><c>torch.squeeze</c> of one dimension.</summary>
    public OnnxValue Squeeze(OnnxValue x, long dim) => Wrap(Torch.Squeeze(x.Tensor, dim));

    /// <summary><c>torch.unsqueeze</c>.</summary>
    public OnnxValue Unsqueeze(OnnxValue x, long dim) => Wrap(Torch.Unsqueeze(x.Tensor, dim));

    /// <summary><c>x[..., start:end:step, ...]</c> of one dimension; positions from the end where negative.</summary>
    public OnnxValue Slice(OnnxValue x, long dim, long? start = null, long? end = null, long step = 1) => Wrap(Torch.Slice(x.Tensor, dim, start, end, step));

    /// <summary><c>torch.select</c>: one index of a dimension, which goes.</summary>
    public OnnxValue Select(OnnxValue x, long dim, long index) => Wrap(Torch.Select(x.Tensor, dim, index));

    /// <summary><c>torch.chunk</c>.</summary>
    public IReadOnlyList<OnnxValue> Chunk(OnnxValue x, long chunks, long dim) => [.. Torch.Chunk(x.Tensor, chunks, dim).Select(Wrap)];

    /// <summary><c>torch.mean</c> over some dimensions.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="keepDim">Whether the dimensions stay, with size 1.</param>
    /// <param name="dims">The dimensions; none for all.</param>
    public OnnxValue Mean(OnnxValue x, bool keepDim, params ReadOnlySpan<long> dims) => Wrap(Torch.Reduce("ReduceMean", x.Tensor, keepDim, dims));

    /// <summary><c>torch.sum</c> over some dimensions.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="keepDim">Whether the dimensions stay, with size 1.</param>
    /// <param name="dims">The dimensions; none for all.</param>
    public OnnxValue Sum(OnnxValue x, bool keepDim, params ReadOnlySpan<long> dims) => Wrap(Torch.Reduce("ReduceSum", x.Tensor, keepDim, dims));

    /// <summary><c>torch.amax</c> over some dimensions.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="keepDim">Whether the dimensions stay, with size 1.</param>
    /// <param name="dims">The dimensions; none for all.</param>
    public OnnxValue Max(OnnxValue x, bool keepDim, params ReadOnlySpan<long> dims) => Wrap(Torch.Reduce("ReduceMax", x.Tensor, keepDim, dims));

    /// <summary><c>torch.nn.functional.adaptive_avg_pool1d</c> to 3d.</summary>
    public OnnxValue AdaptiveAveragePool(OnnxValue x, params ReadOnlySpan<long> sizes) => Wrap(Torch.AdaptiveAveragePool(x.Tensor, sizes));

    /// <summary><c>torch.nn.functional.max_pool2d</c>.</summary>
    public OnnxValue MaxPool2d(OnnxValue x, long kernel, long stride, long padding = 0) =>
        Wrap(Torch.MaxPool(x.Tensor, [kernel, kernel], [stride, stride], [padding, padding], [1, 1], false));

    /// <summary><c>torch.nn.functional.pad</c> with a value: amounts for the last dimension first, before and after.</summary>
    public OnnxValue Pad(OnnxValue x, float value, params ReadOnlySpan<long> amounts) => Wrap(Torch.Pad(x.Tensor, "constant", value, amounts));

    /// <summary>An ONNX operator that has no method here.</summary>
    /// <param name="type">The operator, of the standard domain.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="shape">Shape of its first output, a float tensor; −1 for the batch.</param>
    /// <param name="attributes">Attributes: long, float, string, bool or long[].</param>
    public OnnxValue Node(string type, IReadOnlyList<OnnxValue> inputs, IReadOnlyList<long> shape, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(shape);
        Dim[] dims = [.. shape.Select(s => s < 0 ? new Dim(Dim.FirstBatch, Dim.SecondBatch) : new Dim(s, s))];
        return Wrap(Torch.Node(type, DataType.Float, dims, [.. inputs.Select(i => i.Tensor)], attributes));
    }

    internal OnnxValue Wrap(TorchTensor tensor) => new(this, tensor);

    internal OnnxValue Unary(string type, OnnxValue x) => Wrap(Torch.Unary(type, x.Tensor));

    internal OnnxValue Binary(string type, OnnxValue a, OnnxValue b) => Wrap(Torch.Binary(type, a.Tensor, b.Tensor));

    internal OnnxValue Binary(string type, OnnxValue a, double b) => Wrap(Torch.Binary(type, a.Tensor, b));

    /// <summary>A parameter of the current module as an initializer, a buffer as a constant.</summary>
    internal TorchTensor State(string name)
    {
        var (full, tensor, isParameter) = state.Find(path, name) ?? throw new OnnxExportException($"{Where()}: there is no parameter or buffer '{name}'; name one as the module's state_dict() does.");
        return isParameter
            ? Torch.Parameter(full, tensor.shape, () => ModuleState.ToProto(full, tensor))
            : Torch.Constant(ModuleState.Floats(tensor), tensor.shape);
    }

    /// <summary>A buffer of the current module as an initializer, where the operator that takes it keeps it from training.</summary>
    internal TorchTensor RunningStatistic(string name)
    {
        var (full, tensor, _) = state.Find(path, name) ?? throw new InvalidOperationException($"'{path}' has no '{name}'.");
        return Torch.Parameter(full, tensor.shape, () => ModuleState.ToProto(full, tensor));
    }

    internal TorchTensor? Optional(Tensor? tensor, string name) => tensor is null ? null : State(name);

    /// <summary>The tensors of the current module by their names in its own state dict.</summary>
    internal IReadOnlyDictionary<string, Tensor> StateDict() => state.Below(path);

    /// <summary>Path of the module that is being exported; empty for the one it began with.</summary>
    internal string Path => path;

    internal static string TypeName(nn.Module module) => module.GetType().Name.Split('`')[0];

    private string Where() => path.Length == 0 ? "the module" : $"module '{path}'";

    private OnnxValue Enter(nn.Module module, OnnxValue[] inputs, Func<OnnxValue> export)
    {
        var outer = path;
        path = state.PathOf(module) ?? throw new OnnxExportException(
            $"{Where()}: it calls a {TypeName(module)} that is not registered in it; call RegisterComponents() at the end of its constructor, or register_module.");
        var first = Torch.Graph.Node.Count;
        var y = export();
        Torch.Name(first, path.Length == 0 ? TypeName(module) : path);
        calls.Add(new ModuleCall(path, module, [.. inputs.Select(i => i.Tensor)], y.Tensor));
        path = outer;
        return y;
    }
}
