using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>Reverse accumulation over an ONNX graph: the gradients become nodes of the same graph.</summary>
internal sealed class Backward
{
    private readonly GraphBuilder builder;
    private readonly BackwardOptions options;
    private readonly Dictionary<string, Value> gradients = new(StringComparer.Ordinal);

    public Backward(GraphBuilder builder, BackwardOptions options)
    {
        this.builder = builder;
        this.options = options;
    }

    /// <summary>
    /// Appends the nodes that compute the gradients of the tensor <paramref name="seeded"/>, whose own gradient is
    /// <paramref name="seed"/>, by every tensor in <paramref name="targets"/>. Only nodes between the two are visited.
    /// </summary>
    /// <returns>Gradient per target; targets that do not reach the seeded tensor are left out.</returns>
    /// <exception cref="UnsupportedOperatorException">A node on the way has no gradient rule.</exception>
    public IReadOnlyDictionary<string, Value> Run(string seeded, Value seed, IReadOnlyCollection<string> targets)
    {
        var rules = GradientRules.Standard;
        var forward = builder.Graph.Node.ToArray();
        var reached = new HashSet<string>(targets, StringComparer.Ordinal);
        foreach (var node in forward)
        {
            if (!rules.IsConstant(node) && node.Input.Any(reached.Contains)) reached.UnionWith(node.Output);
        }

        gradients[seeded] = seed;
        for (var i = forward.Length - 1; i >= 0; i--)
        {
            var node = forward[i];
            if (rules.IsConstant(node) || !node.Output.Any(gradients.ContainsKey) || !node.Input.Any(reached.Contains)) continue;
            var rule = rules.Find(node) ?? throw new UnsupportedOperatorException(
                node.Label(), node.OpType, node.Domain, options.Opset, "Ulrl has no gradient rule for it; export the model with standard operators or exclude the layers before it");
            var outputs = node.Output.Select(o => gradients.GetValueOrDefault(o)).ToArray();
            Accumulate(node, rule, new GradientContext(node, outputs, reached.Contains, builder, options));
        }

        return targets.Where(gradients.ContainsKey).ToDictionary(t => t, t => gradients[t], StringComparer.Ordinal);
    }

    private void Accumulate(NodeProto node, GradientRule rule, GradientContext context)
    {
        var results = Apply(rule, context);
        for (var i = 0; i < results.Length; i++)
        {
            if (!results[i].IsPresent || !context.Needs(i)) continue;
            var name = node.Input[i];
            var gradient = rule.Broadcasts ? UndoBroadcast(results[i], context.OutputShape(), options.Probe.Shape(name)) : results[i];
            gradients[name] = gradients.TryGetValue(name, out var sum) ? sum + gradient : gradient;
        }
    }

    private static Value[] Apply(GradientRule rule, GradientContext context)
    {
        try
        {
            return rule.Apply(context);
        }
        catch (InvalidModelException e) when (e is not UnsupportedOperatorException)
        {
            throw context.Refuse(e.Message);
        }
    }

    /// <summary>Sums a gradient over the dimensions along which its tensor was broadcast.</summary>
    private Value UndoBroadcast(Value gradient, Dim[] from, Dim[] to)
    {
        var lead = from.Length - to.Length;
        var leading = Enumerable.Range(0, lead).Select(i => (long)i).ToArray();
        if (leading.Length > 0) gradient = builder.Op("ReduceSum", [gradient, builder.Ints(leading)], ("keepdims", 0L));
        var stretched = Enumerable.Range(0, to.Length).Where(i => to[i].IsOne && !from[lead + i].IsOne).Select(i => (long)i).ToArray();
        return stretched.Length > 0
            ? builder.Op("ReduceSum", [gradient, builder.Ints(stretched)], ("keepdims", 1L))
            : gradient;
    }
}
