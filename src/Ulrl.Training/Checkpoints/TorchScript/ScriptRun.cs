using System.Runtime.CompilerServices;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>
/// Follows the forward method of a traced network and writes what it calls. Values are tensors of the graph, numbers (of which those
/// that come from shapes are known for two batches, so that a number that depends on the batch is told from one that does not), texts,
/// lists and modules.
/// </summary>
internal sealed class ScriptRun
{
    // More than the largest traced networks execute, and soon over.
    private const int MaxStatements = 200_000;
    private const int MaxCalls = 60;

    private readonly string archive;
    private readonly IReadOnlyDictionary<string, string> sources;
    private readonly IReadOnlyList<object?> constants;
    private readonly Dictionary<string, IReadOnlyDictionary<string, ScriptClass>> files = new(StringComparer.Ordinal);
    private readonly Dictionary<ScriptMethod, ScriptStatement[]> parsed = [];
    private readonly ConditionalWeakTable<CheckpointTensor, string> names = [];
    private string where;
    private int statements;
    private int calls;

    public ScriptRun(string archive, IReadOnlyDictionary<string, string> sources, IReadOnlyList<object?> constants, int opset)
    {
        this.archive = archive;
        this.sources = sources;
        this.constants = constants;
        where = archive;
        Graph = new TorchGraph(opset, Error);
    }

    public TorchGraph Graph { get; }

    /// <summary>The network's input.</summary>
    public TorchTensor Input { get; private set; }

    /// <summary>Writes the network.</summary>
    public TorchTensor Forward(ScriptObject root, TorchTensor input)
    {
        Input = input;
        var result = Call(new ScriptModule(root, ""), "forward", [new ScriptTensor(input)]);
        if (result is not ScriptTensor logits) throw Error("the network returns several values or none; trace a module that returns the logits alone");
        return Read(logits);
    }

    /// <summary>An error at the statement that runs.</summary>
    public CheckpointException Error(string reason) => new($"{where}: {reason}");

    /// <summary>The tensor that a value is.</summary>
    public TorchTensor Read(object? value) => value switch
    {
        ScriptTensor { IsCurrent: false } => throw Error("a tensor is read that was changed in place through another view of it; use the operators that return a new tensor"),
        ScriptTensor tensor => tensor.Tensor,
        StoredTensor { IsParameter: true } stored => Initializer(stored),
        StoredTensor stored => Constant(stored.Tensor),
        Dim { IsFixed: true } number => Graph.Scalar(number.Size, Onnx.Proto.TensorProto.Types.DataType.Int64),
        Dim => throw Error("a tensor is computed from the size of the batch; trace without it"),
        double number => Graph.Scalar(number),
        bool truth => Graph.Scalar(truth ? 1 : 0),
        _ => throw Error($"a {Describe(value)} stands where a tensor is expected"),
    };

    /// <summary>A stored tensor as an initializer, as running statistics are even though they are not trained.</summary>
    public TorchTensor Initializer(StoredTensor stored)
    {
        if (stored.Name is not { } name || ElementTypes.OfTorchSharp(ElementTypes.TorchSharpCode(stored.Tensor.ElementType) ?? -1) is null) return Constant(stored.Tensor);
        long[] shape = [.. stored.Tensor.Shape];
        return Graph.Parameter(name, shape, () => TensorData.Create(name, shape, stored.Tensor.ToSingles().AsSpan()));
    }

    public static string Describe(object? value) => value switch
    {
        null => "None",
        ScriptTensor or StoredTensor => "tensor",
        ScriptModule => "module",
        Dim or long or double or bool => "number",
        string => "text",
        _ => "list",
    };

    private TorchTensor Constant(CheckpointTensor tensor)
    {
        long[] shape = [.. tensor.Shape];
        return tensor.ElementType is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16
            ? Graph.Constant(tensor.ToSingles(), shape)
            : Graph.Constant(tensor.ToInt64s(), shape);
    }

    private object? Call(ScriptModule module, string method, List<object?> arguments)
    {
        var (type, found) = Find(module.Object.ClassName, method);
        if (found.Parameters.Count != arguments.Count + 1) throw Error($"{method} of {module.Object.ClassName} takes {found.Parameters.Count - 1} values and is given {arguments.Count}");
        if (++calls > MaxCalls) throw Error($"calls nest deeper than {MaxCalls} levels");
        var outer = where;
        if (!parsed.TryGetValue(found, out var body))
        {
            body = [.. found.Lines.Select(l => ScriptParser.Parse(l.Text, type.File, l.Number))];
            parsed.Add(found, body);
        }

        var variables = new Dictionary<string, object?>(StringComparer.Ordinal) { [found.Parameters[0]] = module };
        for (var i = 0; i < arguments.Count; i++) variables[found.Parameters[i + 1]] = arguments[i];
        var first = Graph.Graph.Node.Count;
        foreach (var statement in body)
        {
            if (++statements > MaxStatements) throw Error($"more than {MaxStatements} statements run; the file is damaged or an attack");
            where = $"{type.File}, line {statement.Line}";
            var value = Evaluate(statement.Value, variables, type);
            if (statement.Returns)
            {
                if (Graph.Graph.Node.Count > first) Graph.Name(first, module.Path.Length == 0 ? "network" : module.Path);
                where = outer;
                calls--;
                return value;
            }

            Assign(statement, value, variables);
        }

        throw Error("the method ends without a return; the file is damaged");
    }

    private void Assign(ScriptStatement statement, object? value, Dictionary<string, object?> variables)
    {
        if (!statement.Unpacks)
        {
            if (statement.Targets is [var target]) variables[target] = value;
            return;
        }

        if (value is not IReadOnlyList<object?> items || items.Count != statement.Targets.Count) throw Error($"a {Describe(value)} is taken apart into {statement.Targets.Count} values");
        for (var i = 0; i < items.Count; i++) variables[statement.Targets[i]] = items[i];
    }

    private object? Evaluate(ScriptNode node, Dictionary<string, object?> variables, ScriptClass type) => node switch
    {
        ScriptNode.Literal literal => literal.Value is long number ? TorchGraph.Of(number) : literal.Value,
        ScriptNode.Name name => variables.TryGetValue(name.Text, out var value) ? value : throw Error($"'{name.Text}' has no value; the file is damaged"),
        ScriptNode.Sequence sequence => sequence.Items.Select(i => Evaluate(i, variables, type)).ToList(),
        ScriptNode.Index index => Element(Evaluate(index.Target, variables, type), Evaluate(index.Position, variables, type)),
        ScriptNode.Attribute { Target: ScriptNode.Name { Text: "CONSTANTS" } } constant => Constant(constant.Text),
        ScriptNode.Attribute attribute => Attribute(Evaluate(attribute.Target, variables, type), attribute.Text),
        ScriptNode.Call call => Called(call, variables, type),
        _ => throw Error("an expression of an unknown kind; the file is damaged"),
    };

    private object? Called(ScriptNode.Call call, Dictionary<string, object?> variables, ScriptClass type)
    {
        List<object?> arguments = [.. call.Arguments.Select(a => Evaluate(a, variables, type))];
        var function = call.Target.Dotted;
        if (function == "getattr" && arguments is [var owner, string attribute]) return Attribute(owner, attribute);
        if (function is not null && (function.StartsWith("torch.", StringComparison.Ordinal) || function.StartsWith("ops.", StringComparison.Ordinal) || !function.Contains('.', StringComparison.Ordinal)))
        {
            var named = call.Named.ToDictionary(n => n.Key, n => Evaluate(n.Value, variables, type), StringComparer.Ordinal);
            return ScriptOperators.Call(function, new ScriptArguments(this, function, arguments, named));
        }

        if (call.Target is ScriptNode.Attribute method && Evaluate(method.Target, variables, type) is ScriptModule module)
            return Call(module, method.Text, arguments);
        throw Error($"'{function}' is called, which is no operator of PyTorch");
    }

    private object? Attribute(object? target, string name)
    {
        if (target is not ScriptModule module) throw Error($"attribute '{name}' of a {Describe(target)} is read");
        if (!module.Object.Attributes.TryGetValue(name, out var value)) throw Error($"{module.Object.ClassName} has no attribute '{name}'; the file is damaged");
        return value switch
        {
            ScriptObject inner => new ScriptModule(inner, module.NameOf(name)),
            CheckpointTensor tensor => new StoredTensor(FirstName(tensor, module.NameOf(name)), tensor, Class(module.Object.ClassName).Parameters.Contains(name)),
            long number => TorchGraph.Of(number),
            _ => value,
        };
    }

    // A tensor that two modules share keeps the name that was read first.
    private string FirstName(CheckpointTensor tensor, string name) => names.GetValue(tensor, _ => name);

    private object? Element(object? target, object? position)
    {
        if (target is not IReadOnlyList<object?> list || position is not Dim { IsFixed: true } index) throw Error($"an element of a {Describe(target)} is read");
        var at = index.Size < 0 ? index.Size + list.Count : index.Size;
        return at >= 0 && at < list.Count ? list[(int)at] : throw Error($"element {index.Size} of {list.Count} is read");
    }

    private object? Constant(string name)
    {
        if (name.Length < 2 || name[0] != 'c' || !int.TryParse(name.AsSpan(1), out var index) || index < 0 || index >= constants.Count)
            throw Error($"constant '{name}' is missing; the file is damaged");
        return constants[index] is CheckpointTensor tensor ? Scalar(tensor) ?? new StoredTensor(null, tensor, false) : constants[index];
    }

    // Tracing keeps numbers as tensors without dimensions.
    private static object? Scalar(CheckpointTensor tensor) => tensor.Shape.Count > 0 ? null : tensor.ElementType switch
    {
        OnnxElementType.Int64 or OnnxElementType.Int32 => TorchGraph.Of(tensor.ToInt64s()[0]),
        OnnxElementType.Float or OnnxElementType.Double => (double)tensor.ToSingles()[0],
        _ => null,
    };

    private (ScriptClass Type, ScriptMethod Method) Find(string className, string method)
    {
        var type = Class(className);
        return type.Methods.TryGetValue(method, out var found) ? (type, found) : throw Error($"{className} has no method '{method}'; the file is damaged");
    }

    // __torch__.a.b.Name is class Name of code/__torch__/a/b.py.
    private ScriptClass Class(string className)
    {
        var end = className.LastIndexOf('.');
        var file = className[..Math.Max(end, 0)].Replace('.', '/') + ".py";
        if (!files.TryGetValue(file, out var classes))
        {
            if (!sources.TryGetValue(file, out var text)) throw Error($"the code of {className} is missing; the file is damaged");
            files[file] = classes = ScriptText.Classes(text, $"{archive}, {file}");
        }

        return classes.TryGetValue(className[(end + 1)..], out var type) ? type : throw Error($"the code of {className} is missing; the file is damaged");
    }
}
