namespace Ulrl.Training.Autodiff;

/// <summary>
/// A tensor of a graph under construction: its name and the builder that emits nodes over it. The default
/// value stands for an absent optional input. Operators emit the ONNX node of the same meaning, so that a
/// gradient rule reads as its formula.
/// </summary>
internal readonly record struct Value
{
    private readonly string? name;
    private readonly GraphBuilder? builder;

    public Value(GraphBuilder builder, string name)
    {
        this.builder = builder;
        this.name = name;
    }

    /// <summary>Name in the graph; empty for an absent optional input.</summary>
    public string Name => name ?? "";

    public bool IsPresent => !string.IsNullOrEmpty(name);

    private GraphBuilder Builder => builder ?? throw new InvalidOperationException("An absent input has no value.");

    public static Value operator +(Value a, Value b) => a.Builder.Op("Add", [a, b]);

    public static Value operator -(Value a, Value b) => a.Builder.Op("Sub", [a, b]);

    public static Value operator *(Value a, Value b) => a.Builder.Op("Mul", [a, b]);

    public static Value operator /(Value a, Value b) => a.Builder.Op("Div", [a, b]);

    public static Value operator -(Value a) => a.Builder.Op("Neg", [a]);

    public static Value operator +(Value a, float b) => a + a.Builder.Scalar(b);

    public static Value operator +(float a, Value b) => b + a;

    public static Value operator -(Value a, float b) => a - a.Builder.Scalar(b);

    public static Value operator -(float a, Value b) => b.Builder.Scalar(a) - b;

    public static Value operator *(Value a, float b) => a * a.Builder.Scalar(b);

    public static Value operator *(float a, Value b) => b * a;

    public static Value operator /(Value a, float b) => a / a.Builder.Scalar(b);

    public static Value operator /(float a, Value b) => b.Builder.Scalar(a) / b;

    public override string ToString() => Name;
}
