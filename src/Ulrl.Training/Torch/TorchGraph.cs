using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Torch;

/// <summary>
/// Writes PyTorch's operators as ONNX nodes, with PyTorch's meaning of every argument, and follows the shapes. Batch-norm and
/// dropout stay nodes of their own, so that they train as in PyTorch. The initializers are the parameters and nothing else:
/// constants are nodes.
/// </summary>
/// <param name="opset">Opset to write, 18 to 23.</param>
/// <param name="error">Makes the caller's error from a sentence about the operator that is being written.</param>
internal sealed partial class TorchGraph(int opset, Func<string, UlrlException> error)
{
    public const int LowestOpset = 18;
    public const int HighestOpset = 23;

    // Pieces of a tensor that are nodes or outputs of their own, and elements of a constant; far more than any network has.
    private const int MaxPieces = 4096;
    private const int MaxConstant = 1 << 24;

    private readonly GraphBuilder builder = new(new GraphProto());
    private readonly Dictionary<string, Value> constants = new(StringComparer.Ordinal);
    private readonly HashSet<string> nodeNames = new(StringComparer.Ordinal);

    public GraphProto Graph => builder.Graph;

    /// <summary>The error of the operator that is being written.</summary>
    public UlrlException Error(string message) => error(message);

    /// <summary>Adds the graph's input; the batch is the dimension that is not fixed.</summary>
    public TorchTensor Input(string name, DataType type, params Dim[] dims)
    {
        var value = builder.Input(name, type, [.. dims.Select(d => d.OrMinusOne)]);
        NameBatch(Graph.Input[^1], dims);
        return new TorchTensor(value, type, dims);
    }

    /// <summary>Makes a tensor the graph's output of that name.</summary>
    public void Output(string name, TorchTensor x)
    {
        builder.Assign(name, "Identity", [x.Value]);
        builder.Output(name, x.Type, [.. x.Dims.Select(d => d.OrMinusOne)]);
        NameBatch(Graph.Output[^1], x.Dims);
    }

    /// <summary>A parameter, an initializer of that name; added once, however often it is used.</summary>
    public TorchTensor Parameter(string name, ReadOnlySpan<long> shape, Func<TensorProto> values)
    {
        if (!Graph.Initializer.Any(t => t.Name == name)) Graph.Initializer.Add(values());
        return new TorchTensor(builder[name], DataType.Float, Fixed(shape));
    }

    /// <summary>Numbers that are not trained.</summary>
    public TorchTensor Constant(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        new(Constant(TensorData.Create("", shape, values)), DataType.Float, Fixed(shape));

    /// <summary>Whole numbers that are not trained.</summary>
    public TorchTensor Constant(ReadOnlySpan<long> values, params ReadOnlySpan<long> shape) =>
        new(Constant(TensorData.Create("", shape, values)), DataType.Int64, Fixed(shape));

    /// <summary>An operator whose output has another element type, or whose shape follows from none of the families here.</summary>
    public TorchTensor Node(string type, DataType elements, Dim[] dims, ReadOnlySpan<TorchTensor> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        Span<Value> values = new Value[inputs.Length];
        for (var i = 0; i < inputs.Length; i++) values[i] = inputs[i].Value;
        return new TorchTensor(builder.Op(type, values, attributes), elements, dims);
    }

    /// <summary>Gives the nodes that were written since <paramref name="first"/> the name of a module, followed by a number where it is taken.</summary>
    public void Name(int first, string name)
    {
        for (var i = Graph.Node.Count - 1; i >= first; i--)
        {
            var node = Graph.Node[i];
            if (node.Name.Length > 0 || node.OpType == "Constant") continue;
            var wanted = i == Graph.Node.Count - 1 ? name : $"{name}/{node.OpType}";
            var free = wanted;
            for (var n = 1; !nodeNames.Add(free); n++) free = $"{wanted}_{n}";
            node.Name = free;
        }
    }

    /// <summary>The finished model.</summary>
    public OnnxModel Finish(string name)
    {
        Graph.Name = name;
        var proto = new ModelProto { IrVersion = opset switch { <= 18 => 8, <= 20 => 9, <= 22 => 10, _ => 11 }, ProducerName = "ulrl", Graph = Graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        return new OnnxModel(proto);
    }

    internal static Dim[] Fixed(params ReadOnlySpan<long> shape)
    {
        var dims = new Dim[shape.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = new Dim(shape[i], shape[i]);
        return dims;
    }

    internal static Dim Of(long size) => new(size, size);

    private static Dim Product(params ReadOnlySpan<Dim> dims)
    {
        var product = Of(1);
        foreach (var dim in dims) product = new Dim(checked(product.First * dim.First), checked(product.Second * dim.Second));
        return product;
    }

    private static void NameBatch(ValueInfoProto info, Dim[] dims)
    {
        for (var i = 0; i < dims.Length; i++)
        {
            if (dims[i] == new Dim(Dim.FirstBatch, Dim.SecondBatch)) info.Type.TensorType.Shape.Dim[i].DimParam = "batch";
        }
    }

    private Value Constant(TensorProto tensor) => builder.Op("Constant", [], ("value", tensor));

    private Value Ints(params ReadOnlySpan<long> values)
    {
        var key = string.Join(',', values.ToArray());
        if (!constants.TryGetValue(key, out var value)) constants[key] = value = Constant(TensorData.Create("", [values.Length], values));
        return value;
    }

    private Value Number(float number)
    {
        var key = $"f{BitConverter.SingleToInt32Bits(number)}";
        if (!constants.TryGetValue(key, out var value)) constants[key] = value = Constant(TensorData.Create("", [], [number]));
        return value;
    }

    private Value Filled(float number, long count) => Constant(TensorData.Create("", [count], Repeated(number, count).AsSpan()));

    private float[] Repeated(float number, long count)
    {
        if (count > MaxConstant) throw Error($"a constant of {count} elements is needed, out of proportion to any network");
        var values = new float[count];
        Array.Fill(values, number);
        return values;
    }

    private void RequireRank(TorchTensor x, string what, params ReadOnlySpan<int> ranks)
    {
        if (!ranks.Contains(x.Rank)) throw Error($"{what} is applied to a tensor of shape {x}; it takes {string.Join(" or ", ranks.ToArray())} dimensions here");
    }

    private long FixedSize(Dim dim, string what) => dim.IsFixed ? dim.Size : throw Error($"{what} would run along the batch, whose size is not fixed; export with a fixed batch");
}
