using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>
/// Checks that the local functions of a model can be expanded, as a runtime does before it executes them: no function
/// calls itself, calls do not nest too deep, and the expanded model has a bounded number of nodes.
/// </summary>
internal sealed class FunctionCalls
{
    /// <summary>Function calls may nest this deep.</summary>
    public const int MaxDepth = 64;

    /// <summary>Nodes that a model may have with its functions expanded.</summary>
    public const long MaxNodes = 1_000_000;

    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];
    private readonly Dictionary<FunctionProto, Size> _sizes = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<FunctionProto> _open = new(ReferenceEqualityComparer.Instance);

    private FunctionCalls(ModelProto model)
    {
        foreach (FunctionProto function in model.Functions)
        {
            if (function.Name.Length == 0)
                throw new InvalidModelException("a local function has no name; export the model again.");
            if (!_functions.TryAdd((ModelChecker.Domain(function.Domain), function.Name, function.Overload), function))
                throw new InvalidModelException($"function '{function.Name}' of domain '{function.Domain}' is there twice; export the model again.");
        }
    }

    /// <summary>Checks a model.</summary>
    /// <exception cref="InvalidModelException">A function calls itself, calls nest too deep, or expansion gives too many nodes.</exception>
    public static void Check(ModelProto model)
    {
        if (model.Functions.Count == 0)
            return;
        var calls = new FunctionCalls(model);
        foreach (FunctionProto function in model.Functions)
            calls.Measure(function, 1);
        calls.Measure(model.Graph.Node, "the graph", 0);
    }

    private Size Measure(FunctionProto function, int depth)
    {
        if (_sizes.TryGetValue(function, out Size known))
            return known;
        if (!_open.Add(function))
            throw new InvalidModelException($"function '{function.Name}' calls itself; a local function must not be recursive, export the model again.");
        Size size = Measure(function.Node, $"function '{function.Name}'", depth);
        _open.Remove(function);
        _sizes.Add(function, size);
        return size;
    }

    private Size Measure(RepeatedField<NodeProto> nodes, string owner, int depth)
    {
        if (depth > MaxDepth)
            throw TooDeep(owner);
        long count = 0;
        int height = 0;
        foreach (NodeProto node in nodes)
        {
            Size size = new(1, 0);
            if (_functions.TryGetValue((ModelChecker.Domain(node.Domain), node.OpType, node.Overload), out FunctionProto? callee))
            {
                size = Measure(callee, depth + 1);
                size = size with { Height = size.Height + 1 };
            }

            count += size.Nodes;
            height = Math.Max(height, size.Height);
            foreach (AttributeProto attribute in node.Attribute)
            {
                if (attribute.G is not null)
                    Add(Measure(attribute.G.Node, owner, depth));
                foreach (GraphProto graph in attribute.Graphs)
                    Add(Measure(graph.Node, owner, depth));
            }

            if (height > MaxDepth)
                throw TooDeep(owner);
            if (count > MaxNodes)
                throw new InvalidModelException($"{owner} has more than {MaxNodes} nodes when its function calls are expanded; export the model without local functions.");
        }

        return new Size(count, height);

        void Add(Size size)
        {
            count += size.Nodes;
            height = Math.Max(height, size.Height);
        }
    }

    private static InvalidModelException TooDeep(string owner) =>
        new($"{owner}: function calls nest more than {MaxDepth} deep; export the model without local functions.");

    /// <summary>Nodes after expansion, and how deep calls nest.</summary>
    private readonly record struct Size(long Nodes, int Height);
}
