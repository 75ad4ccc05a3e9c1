using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>Checks a graph and its subgraphs: names, single assignment, order, operators, attributes and tensors.</summary>
/// <remarks>Recursion is bounded, since <see cref="WireScan.MaxDepth"/> bounds how deep subgraphs nest.</remarks>
internal sealed class GraphChecker(Dictionary<string, long> opsets, string owner)
{
    /// <summary>Bytes that all sparse initializers of a graph may take once a runtime has made them dense.</summary>
    public const long MaxDenseBytes = 128L << 20;

    private Int128 _denseBytes;

    /// <summary>How messages call a node: its name, or its first output where it has none.</summary>
    public static string Label(NodeProto node)
    {
        string name = node.Name.Length > 0 ? node.Name : node.Output.Count > 0 ? node.Output[0] : "";
        return $"node '{name}' ({node.OpType})";
    }

    /// <summary>Checks the main graph of a model.</summary>
    public void CheckMain(GraphProto graph)
    {
        foreach (ValueInfoProto input in graph.Input)
        {
            if (input.Type is null || (input.Type.TensorType is { } tensor && !IsElementType(tensor.ElemType)))
                throw new InvalidModelException($"input '{input.Name}' has no element type that ONNX defines; export the model again.");
        }

        if (graph.Output.Count == 0)
            throw new InvalidModelException($"{owner} has no outputs; export the model again.");
        CheckGraph(graph, outer: null);
    }

    /// <summary>Checks the body of a local function.</summary>
    public void CheckFunction(FunctionProto function)
    {
        var scope = new Scope(null);
        foreach (string input in function.Input)
        {
            if (input.Length == 0 || !scope.Names.Add(input))
                throw new InvalidModelException($"{owner}: input '{input}' is empty or there twice; export the model again.");
        }

        foreach (AttributeProto attribute in function.AttributeProto)
            CheckAttribute(attribute, owner, scope);
        CheckNodes(function.Node, scope);
        foreach (string output in function.Output)
        {
            if (!scope.Contains(output))
                throw new InvalidModelException($"{owner}: no node produces output '{output}'; export the model again.");
        }
    }

    private void CheckGraph(GraphProto graph, Scope? outer)
    {
        var scope = new Scope(outer);
        foreach (ValueInfoProto input in graph.Input)
        {
            if (input.Name.Length == 0)
                throw new InvalidModelException($"{owner} has an input without a name; export the model again.");
            if (!scope.Names.Add(input.Name))
                throw new InvalidModelException($"input '{input.Name}' is there twice; export the model again.");
        }

        // Up to IR version 3 every initializer is an input too, so it may repeat an input's name but not another initializer's.
        var initializers = new HashSet<string>(StringComparer.Ordinal);
        foreach (TensorProto tensor in graph.Initializer)
        {
            AddInitializer(tensor.Name, initializers, scope);
            TensorData.Check(tensor);
        }

        foreach (SparseTensorProto sparse in graph.SparseInitializer)
        {
            AddInitializer(sparse.Values?.Name ?? "", initializers, scope);
            CheckSparse(sparse);
        }

        CheckNodes(graph.Node, scope);

        var outputs = new HashSet<string>(StringComparer.Ordinal);
        foreach (ValueInfoProto output in graph.Output)
        {
            if (!scope.Contains(output.Name))
                throw new InvalidModelException($"no node, input or initializer produces output '{output.Name}'; export the model again.");
            if (!outputs.Add(output.Name))
                throw new InvalidModelException($"output '{output.Name}' is there twice; export the model again.");
        }
    }

    private static void AddInitializer(string name, HashSet<string> initializers, Scope scope)
    {
        if (name.Length == 0)
            throw new InvalidModelException("an initializer has no name; export the model again.");
        if (!initializers.Add(name))
            throw new InvalidModelException($"initializer '{name}' is there twice; export the model again.");
        scope.Names.Add(name);
    }

    private void CheckNodes(RepeatedField<NodeProto> nodes, Scope scope)
    {
        foreach (NodeProto node in nodes)
        {
            CheckOperator(node);
            foreach (string input in node.Input)
            {
                // An empty name stands for an optional input that is left out.
                if (input.Length > 0 && !scope.Contains(input))
                    throw GraphOrder.Explain(nodes, node, input);
            }

            foreach (AttributeProto attribute in node.Attribute)
                CheckAttribute(attribute, Label(node), scope);
            CheckAttributeNames(node);

            foreach (string output in node.Output)
            {
                if (output.Length > 0 && !scope.Names.Add(output))
                    throw new InvalidModelException($"{Label(node)} produces '{output}', which an input, an initializer or an earlier node already does; export the model again.");
            }
        }
    }

    private void CheckOperator(NodeProto node)
    {
        if (node.OpType.Length == 0)
            throw new InvalidModelException($"{Label(node)} has no operator; export the model again.");
        string domain = ModelChecker.Domain(node.Domain);
        if (!opsets.TryGetValue(domain, out long version))
            throw new InvalidModelException($"{Label(node)}: {owner} imports no opset of its domain '{(domain.Length == 0 ? "ai.onnx" : domain)}'; export the model again.");
        if (domain.Length == 0 && version is < ModelChecker.OldestOpset or > ModelChecker.NewestOpset)
            throw new InvalidModelException($"{Label(node)}: {owner} uses opset {version} of the standard domain, outside {ModelChecker.OldestOpset} to {ModelChecker.NewestOpset}; export or convert the model to one of these.");
    }

    private static void CheckAttributeNames(NodeProto node)
    {
        RepeatedField<AttributeProto> attributes = node.Attribute;
        if (attributes.Count < 2)
            return;
        var names = new HashSet<string>(attributes.Count, StringComparer.Ordinal);
        foreach (AttributeProto attribute in attributes)
        {
            if (!names.Add(attribute.Name))
                throw new InvalidModelException($"{Label(node)}: attribute '{attribute.Name}' is there twice; export the model again.");
        }
    }

    private void CheckAttribute(AttributeProto attribute, string where, Scope scope)
    {
        if (attribute.Name.Length == 0)
            throw new InvalidModelException($"{where} has an attribute without a name; export the model again.");
        // The value comes from the caller of the local function.
        if (attribute.RefAttrName.Length > 0)
            return;
        if (!AttributeValues.Agree(attribute))
            throw new InvalidModelException($"{where}: attribute '{attribute.Name}' has type {attribute.Type} but its value is missing or of another type; export the model again.");

        try
        {
            if (attribute.T is not null)
                TensorData.Check(attribute.T);
            foreach (TensorProto tensor in attribute.Tensors)
                TensorData.Check(tensor);
            if (attribute.SparseTensor is not null)
                CheckSparse(attribute.SparseTensor);
            foreach (SparseTensorProto sparse in attribute.SparseTensors)
                CheckSparse(sparse);
            if (attribute.G is not null)
                CheckGraph(attribute.G, scope);
            foreach (GraphProto graph in attribute.Graphs)
                CheckGraph(graph, scope);
        }
        catch (InvalidModelException e)
        {
            throw new InvalidModelException($"{where}, attribute '{attribute.Name}': {e.Message}", e);
        }
    }

    private void CheckSparse(SparseTensorProto sparse)
    {
        if (sparse.Values is null || sparse.Indices is null)
            throw new InvalidModelException($"sparse tensor '{sparse.Values?.Name}' lacks its values or indices; export the model again.");
        TensorData.Check(sparse.Values);
        TensorData.Check(sparse.Indices);
        var shape = new TensorProto { Name = sparse.Values.Name };
        shape.Dims.Add(sparse.Dims);
        _denseBytes += (Int128)TensorData.ElementCount(shape) * Math.Max(8, TensorData.ElementBits(sparse.Values)) / 8;
        if (_denseBytes > MaxDenseBytes)
            throw new InvalidModelException($"sparse tensor '{shape.Name}' brings the sparse tensors to {_denseBytes} bytes when made dense, more than the {MaxDenseBytes} allowed; store it densely.");
    }

    private static bool IsElementType(int type) => type != 0 && Enum.IsDefined((OnnxElementType)type);

    /// <summary>Names that a node may use: those of its own graph so far, and of the graphs around it.</summary>
    private sealed class Scope(Scope? outer)
    {
        public HashSet<string> Names { get; } = new(StringComparer.Ordinal);

        public bool Contains(string name)
        {
            for (Scope? scope = this; scope is not null; scope = scope.Outer)
            {
                if (scope.Names.Contains(name))
                    return true;
            }

            return false;
        }

        private Scope? Outer { get; } = outer;
    }
}
