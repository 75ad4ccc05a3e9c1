using System.Diagnostics.CodeAnalysis;
using Ulrl.Training.Torch;

namespace Ulrl.TorchSharp;

/// <summary>A tensor of a graph that is being written.</summary>
[SuppressMessage("Performance", "CA1815:Override equals and operator equals on value types", Justification = "Values are handed on, not compared.")]
[SuppressMessage("Usage", "CA2225:Operator overloads have named alternates", Justification = "The formulas of a forward pass are what the operators are for.")]
public readonly struct OnnxValue
{
    private readonly OnnxGraph? graph;
    private readonly TorchTensor tensor;

    internal OnnxValue(OnnxGraph graph, TorchTensor tensor)
    {
        this.graph = graph;
        this.tensor = tensor;
    }

    /// <summary>Its sizes, outermost first; −1 where the size depends on the batch.</summary>
    public IReadOnlyList<long> Shape => [.. Tensor.Dims.Select(d => d.OrMinusOne)];

    internal TorchTensor Tensor => graph is null ? throw new InvalidOperationException("The value is of no graph.") : tensor;

    private OnnxGraph Graph => graph ?? throw new InvalidOperationException("The value is of no graph.");

    /// <summary>The sum, element by element; sizes of 1 are stretched.</summary>
    public static OnnxValue operator +(OnnxValue a, OnnxValue b) => a.Graph.Binary("Add", a, b);

    /// <summary>The difference, element by element; sizes of 1 are stretched.</summary>
    public static OnnxValue operator -(OnnxValue a, OnnxValue b) => a.Graph.Binary("Sub", a, b);

    /// <summary>The product, element by element; sizes of 1 are stretched.</summary>
    public static OnnxValue operator *(OnnxValue a, OnnxValue b) => a.Graph.Binary("Mul", a, b);

    /// <summary>The quotient, element by element; sizes of 1 are stretched.</summary>
    public static OnnxValue operator /(OnnxValue a, OnnxValue b) => a.Graph.Binary("Div", a, b);

    /// <summary>Every element plus a number.</summary>
    public static OnnxValue operator +(OnnxValue a, float b) => a.Graph.Binary("Add", a, b);

    /// <summary>Every element minus a number.</summary>
    public static OnnxValue operator -(OnnxValue a, float b) => a.Graph.Binary("Sub", a, b);

    /// <summary>Every element times a number.</summary>
    public static OnnxValue operator *(OnnxValue a, float b) => a.Graph.Binary("Mul", a, b);

    /// <summary>Every element times a number.</summary>
    public static OnnxValue operator *(float a, OnnxValue b) => b * a;

    /// <summary>Every element divided by a number.</summary>
    public static OnnxValue operator /(OnnxValue a, float b) => a.Graph.Binary("Div", a, b);

    /// <summary>The negative.</summary>
    public static OnnxValue operator -(OnnxValue a) => a.Graph.Unary("Neg", a);

    /// <summary>For example <c>[batch, 64, 8, 8]</c>.</summary>
    public override string ToString() => Tensor.ToString();
}
