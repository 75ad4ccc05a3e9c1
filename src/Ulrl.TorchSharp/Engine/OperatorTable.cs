using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx.Proto;
using Ulrl.TorchSharp.Engine.Operators;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>
/// The operators that libtorch computes: one entry per ONNX operator, next to its family, each a function from the node's inputs to its outputs
/// that autograd can differentiate. An operator that is not here is refused before anything runs.
/// </summary>
internal sealed class OperatorTable
{
    private readonly Dictionary<string, Func<OperatorContext, Tensor[]>> operators = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Func<NodeProto, string?>> limits = new(StringComparer.Ordinal);

    private OperatorTable()
    {
        ElementwiseOperators.Register(this);
        ActivationOperators.Register(this);
        ReductionOperators.Register(this);
        MatrixOperators.Register(this);
        ConvolutionOperators.Register(this);
        NormalizationOperators.Register(this);
        PoolingOperators.Register(this);
        ShapeOperators.Register(this);
        IndexingOperators.Register(this);
        ResizeOperators.Register(this);
    }

    public static OperatorTable Standard { get; } = new();

    /// <summary>An operator with one output.</summary>
    public void Add(string op, Func<OperatorContext, Tensor> compute) => operators.Add(op, n => [compute(n)]);

    /// <summary>An operator with several outputs.</summary>
    public void AddNode(string op, Func<OperatorContext, Tensor[]> compute) => operators.Add(op, compute);

    /// <summary>Says what of an operator is not covered: the reason for a node, or null.</summary>
    public void Limit(string op, Func<NodeProto, string?> reason) => limits.Add(op, reason);

    public Func<OperatorContext, Tensor[]>? Find(NodeProto node) => node.IsStandard() ? operators.GetValueOrDefault(node.OpType) : null;

    /// <summary>Why a node cannot be computed; null where it can.</summary>
    public string? Problem(NodeProto node) => Find(node) is null
        ? "the engine torchsharp does not compute it; use the engine onnxruntime"
        : limits.TryGetValue(node.OpType, out var reason) ? reason(node) : null;
}
