using Ulrl.Training.Autodiff;
using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>The arguments of one operator.</summary>
internal sealed class ScriptArguments(ScriptRun run, string function, IReadOnlyList<object?> values, IReadOnlyDictionary<string, object?> named)
{
    public ScriptRun Run => run;

    public TorchGraph Graph => run.Graph;

    public int Count => values.Count;

    /// <summary>A value as it is; null where it is left out.</summary>
    public object? this[int index] => index < values.Count ? values[index] : null;

    /// <summary>A value that is given by name; null where it is left out.</summary>
    public object? this[string name] => named.GetValueOrDefault(name);

    public TorchTensor Tensor(int index) => run.Read(this[index]);

    public TorchTensor? Optional(int index) => this[index] is null ? null : run.Read(this[index]);

    public IReadOnlyList<TorchTensor> Tensors(int index) => [.. List(index).Select(run.Read)];

    public IReadOnlyList<object?> List(int index) => this[index] as IReadOnlyList<object?> ?? throw Wrong(index, "a list");

    public bool Is(int index, bool otherwise = false) => this[index] switch
    {
        null => otherwise,
        bool truth => truth,
        Dim number => number != TorchGraph.Of(0),
        _ => throw Wrong(index, "true or false"),
    };

    public long Int(int index, long? otherwise = null) => this[index] switch
    {
        Dim { IsFixed: true } number => number.Size,
        Dim => throw run.Error($"argument {index + 1} of {function} depends on the batch; trace with another formulation"),
        null when otherwise is { } value => value,
        _ => throw Wrong(index, "a whole number"),
    };

    public double Number(int index, double? otherwise = null) => Value(this[index]) ?? otherwise ?? throw Wrong(index, "a number");

    public double? OptionalNumber(int index) => Value(this[index]);

    /// <summary>Whole numbers; one number for as many as there are directions.</summary>
    public long[] Ints(int index, int? directions = null)
    {
        long[] sizes = this[index] is Dim { IsFixed: true } one ? [one.Size] : [.. List(index).Select(v => v is Dim { IsFixed: true, First: >= int.MinValue and <= int.MaxValue } d ? d.Size : throw Wrong(index, "a list of whole numbers that do not depend on the batch"))];
        return directions is { } count && sizes.Length == 1 ? [.. Enumerable.Repeat(sizes[0], count)] : sizes;
    }

    /// <summary>Sizes, of which some may depend on the batch.</summary>
    public Dim[] Sizes(int index) => [.. List(index).Select(v => v is Dim { First: <= int.MaxValue, Second: <= int.MaxValue } d ? d : throw Wrong(index, "a list of sizes"))];

    public CheckpointException Wrong(int index, string expected) => run.Error($"argument {index + 1} of {function} is a {ScriptRun.Describe(this[index])} and not {expected}");

    private static double? Value(object? value) => value switch
    {
        Dim { IsFixed: true } number => number.Size,
        double number => number,
        bool truth => truth ? 1 : 0,
        StoredTensor { Tensor.ElementCount: 1 } stored => stored.Tensor.ToSingles()[0],
        _ => null,
    };
}
