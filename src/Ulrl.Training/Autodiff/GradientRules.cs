using Ulrl.Training.Autodiff.Rules;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// The table of gradient rules: one entry per ONNX operator, beside its family, as in HIPS/autograd's table of
/// vector-Jacobian products. An operator that is in neither list is refused where a gradient must pass it.
/// </summary>
internal sealed class GradientRules
{
    private readonly Dictionary<string, GradientRule> rules = new(StringComparer.Ordinal);
    private readonly HashSet<string> constant = new(StringComparer.Ordinal);

    private GradientRules()
    {
        ElementwiseRules.Register(this);
        ActivationRules.Register(this);
        ReductionRules.Register(this);
        MatrixRules.Register(this);
        ConvolutionRules.Register(this);
        NormalizationRules.Register(this);
        PoolingRules.Register(this);
        ShapeRules.Register(this);
        IndexingRules.Register(this);
        ResizeRules.Register(this);
    }

    public static GradientRules Standard { get; } = new();

    /// <summary>One formula per input; broadcasting is undone behind them.</summary>
    public void Broadcasting(string op, params InputGradient?[] gradients) => rules.Add(op, new GradientRule(PerInput(gradients), true, Has(gradients)));

    /// <summary>One formula per input, each of its input's shape.</summary>
    public void Add(string op, params InputGradient?[] gradients) => rules.Add(op, new GradientRule(PerInput(gradients), false, Has(gradients)));

    /// <summary>One formula for all inputs, where they share work.</summary>
    public void AddNode(string op, NodeGradient gradient, bool broadcasts = false) => rules.Add(op, new GradientRule(gradient, broadcasts, _ => true));

    /// <summary>One formula for all inputs but one, which holds integers.</summary>
    public void AddNodeExcept(int input, string op, NodeGradient gradient) => rules.Add(op, new GradientRule(gradient, false, i => i != input));

    /// <summary>Operators whose outputs do not change, or not smoothly, with their inputs.</summary>
    public void Constant(params ReadOnlySpan<string> ops)
    {
        foreach (var op in ops) constant.Add(op);
    }

    public bool IsConstant(NodeProto node) => node.IsStandard() && constant.Contains(node.OpType);

    public GradientRule? Find(NodeProto node) => node.IsStandard() && rules.TryGetValue(node.OpType, out var rule) ? rule : null;

    private static Func<int, bool> Has(InputGradient?[] gradients) => i => i < gradients.Length && gradients[i] is not null;

    private static NodeGradient PerInput(InputGradient?[] gradients) => g =>
    {
        var results = new Value[g.Inputs];
        for (var i = 0; i < results.Length; i++)
        {
            if (g.Needs(i) && i < gradients.Length && gradients[i] is { } gradient) results[i] = gradient(g);
        }

        return results;
    };
}
