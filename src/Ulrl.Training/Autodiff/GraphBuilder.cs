using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>Emits nodes and constants into a graph, in the syntax of opset 18 and later.</summary>
internal sealed class GraphBuilder
{
    private const string Contrib = "com.microsoft";
    private readonly HashSet<string> names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> constants = new(StringComparer.Ordinal);
    private int counter;

    public GraphBuilder(GraphProto graph)
    {
        Graph = graph;
        foreach (var node in graph.Node)
        {
            names.UnionWith(node.Output);
        }

        foreach (var tensor in graph.Initializer) names.Add(tensor.Name);
        foreach (var input in graph.Input) names.Add(input.Name);
    }

    public GraphProto Graph { get; }

    public Value this[string name] => new(this, name);

    /// <summary>A name that no tensor of the graph carries yet.</summary>
    public string Fresh(string hint)
    {
        string name;
        do
        {
            name = string.Create(CultureInfo.InvariantCulture, $"ulrl/{hint}_{counter++}");
        }
        while (!names.Add(name));
        return name;
    }

    public Value Op(string type, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Ops("", type, 1, inputs, attributes)[0];

    public Value[] Ops(string type, int outputs, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Ops("", type, outputs, inputs, attributes);

    /// <summary>A contributed operator of ONNX Runtime (domain <c>com.microsoft</c>).</summary>
    public Value ContribOp(string type, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Ops(Contrib, type, 1, inputs, attributes)[0];

    /// <summary>A node whose first output carries the given name.</summary>
    public void Assign(string output, string type, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = Node("", type, inputs, attributes);
        node.Output.Add(output);
        names.Add(output);
        Graph.Node.Add(node);
    }

    public Value Scalar(float value) => Constant(
        string.Create(CultureInfo.InvariantCulture, $"f{BitConverter.SingleToInt32Bits(value)}"),
        () => Tensor(DataType.Float, [], MemoryMarshal.AsBytes([value])));

    public Value Scalar(long value) => Constant(
        string.Create(CultureInfo.InvariantCulture, $"i{value}"),
        () => Tensor(DataType.Int64, [], MemoryMarshal.AsBytes([value])));

    public Value Ints(params long[] values) => Constant(
        "v" + string.Join(',', values),
        () => Tensor(DataType.Int64, [values.Length], MemoryMarshal.AsBytes<long>(values)));

    public Value Floats(float[] values, params long[] dims) => Add(Tensor(DataType.Float, dims, MemoryMarshal.AsBytes<float>(values)));

    /// <summary>Ones or zeros of a static shape.</summary>
    public Value Filled(float value, params long[] dims)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"c{BitConverter.SingleToInt32Bits(value)}x{string.Join(',', dims)}");
        return Constant(key, () =>
        {
            var values = new float[checked((int)dims.Aggregate(1L, (a, b) => checked(a * b)))];
            Array.Fill(values, value);
            return Tensor(DataType.Float, dims, MemoryMarshal.AsBytes<float>(values));
        });
    }

    public Value Add(TensorProto tensor)
    {
        tensor.Name = Fresh("const");
        Graph.Initializer.Add(tensor);
        return this[tensor.Name];
    }

    /// <summary>Adds a graph input; a dimension of −1 is left open.</summary>
    public Value Input(string name, DataType type, params ReadOnlySpan<long> dims)
    {
        names.Add(name);
        Graph.Input.Add(ValueInfo(name, type, dims));
        return this[name];
    }

    public void Output(string name, DataType type, params ReadOnlySpan<long> dims) => Graph.Output.Add(ValueInfo(name, type, dims));

    internal static ValueInfoProto ValueInfo(string name, DataType type, params ReadOnlySpan<long> dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
        {
            // A named dimension would let the runtime plan one buffer for tensors whose lives lie far apart, and hold it all along.
            shape.Dim.Add(dim < 0 ? new TensorShapeProto.Types.Dimension() : new TensorShapeProto.Types.Dimension { DimValue = dim });
        }

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } },
        };
    }

    internal static NodeProto Node(string domain, string type, ReadOnlySpan<Value> inputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = new NodeProto { OpType = type };
        if (domain.Length > 0) node.Domain = domain;
        foreach (var input in inputs) node.Input.Add(input.Name);
        while (node.Input.Count > 0 && node.Input[^1].Length == 0) node.Input.RemoveAt(node.Input.Count - 1);
        foreach (var (name, value) in attributes) node.Attribute.Add(Attribute(name, value));
        return node;
    }

    internal static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case int or long or bool:
                attribute.Type = AttributeProto.Types.AttributeType.Int;
                attribute.I = Convert.ToInt64(value, CultureInfo.InvariantCulture);
                break;
            case DataType type:
                attribute.Type = AttributeProto.Types.AttributeType.Int;
                attribute.I = (long)type;
                break;
            case float number:
                attribute.Type = AttributeProto.Types.AttributeType.Float;
                attribute.F = number;
                break;
            case string text:
                attribute.Type = AttributeProto.Types.AttributeType.String;
                attribute.S = ByteString.CopyFromUtf8(text);
                break;
            case long[] ints:
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                attribute.Ints.AddRange(ints);
                break;
            case TensorProto tensor:
                attribute.Type = AttributeProto.Types.AttributeType.Tensor;
                attribute.T = tensor;
                break;
            default:
                throw new ArgumentException($"Attribute '{name}' of type {value.GetType().Name} is not an ONNX attribute.", nameof(value));
        }

        return attribute;
    }

    internal static TensorProto Tensor(DataType type, ReadOnlySpan<long> dims, ReadOnlySpan<byte> raw)
    {
        var tensor = new TensorProto { DataType = (int)type, RawData = ByteString.CopyFrom(raw) };
        foreach (var dim in dims) tensor.Dims.Add(dim);
        return tensor;
    }

    private Value[] Ops(string domain, string type, int outputs, ReadOnlySpan<Value> inputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = Node(domain, type, inputs, attributes);
        var values = new Value[outputs];
        for (var i = 0; i < outputs; i++)
        {
            values[i] = this[Fresh(type)];
            node.Output.Add(values[i].Name);
        }

        Graph.Node.Add(node);
        return values;
    }

    private Value Constant(string key, Func<TensorProto> make)
    {
        if (!constants.TryGetValue(key, out var value))
        {
            value = Add(make());
            constants.Add(key, value);
        }

        return value;
    }
}
