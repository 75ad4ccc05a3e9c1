namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>An expression of TorchScript's text.</summary>
internal abstract record ScriptNode
{
    /// <summary>A number, string, True, False or None.</summary>
    public sealed record Literal(object? Value) : ScriptNode;

    /// <summary>A variable.</summary>
    public sealed record Name(string Text) : ScriptNode;

    /// <summary>An attribute, <c>target.name</c>.</summary>
    public sealed record Attribute(ScriptNode Target, string Text) : ScriptNode;

    /// <summary>An element, <c>target[index]</c>.</summary>
    public sealed record Index(ScriptNode Target, ScriptNode Position) : ScriptNode;

    /// <summary>A call.</summary>
    public sealed record Call(ScriptNode Target, IReadOnlyList<ScriptNode> Arguments, IReadOnlyDictionary<string, ScriptNode> Named) : ScriptNode;

    /// <summary>A list or tuple.</summary>
    public sealed record Sequence(IReadOnlyList<ScriptNode> Items) : ScriptNode;

    /// <summary>The dotted name that an expression is, or null.</summary>
    public string? Dotted => this switch
    {
        Name name => name.Text,
        Attribute attribute => attribute.Target.Dotted is { } target ? $"{target}.{attribute.Text}" : null,
        _ => null,
    };
}
