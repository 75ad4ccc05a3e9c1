using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>Looks at a model without training it: differentiates it and says what stands in the way.</summary>
public static class ModelInspector
{
    // 8192 × 8192 pixels; a model that declares more would take memory that its file does not answer for.
    private const long LargestSample = 1 << 26;

    /// <summary>Inspects a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sampleShape">Shape of one sample, for a model whose input leaves dimensions open; null for the model's own.</param>
    /// <param name="classifier">Initializer with the classifier layer's weights; null to find it.</param>
    /// <returns>What was found; what is refused is part of it and raises no error.</returns>
    public static ModelInspection Inspect(OnnxModel model, IReadOnlyList<int>? sampleShape = null, string? classifier = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var found = new ModelInspection(model, null, null, null, null, null, null, null, [], []);
        try
        {
            var io = ModelInterface.Of(model, null);
            found = found with
            {
                InputName = io.InputName,
                SampleShape = io.SampleShape,
                FixedBatch = io.FixedBatch,
                OutputName = io.OutputName,
                LogitsName = io.Logits,
            };
            var forward = ForwardGraph.Create(model);
            var trainable = forward.Trainable.ToHashSet(StringComparer.Ordinal);
            found = found with { Trainable = [.. model.Initializers.Where(i => trainable.Contains(i.Name))] };
            found = found with { Refusals = WithoutRule(forward) };
            found = found with { Classifier = ClassifierLayer.Find(model, classifier) };
            return found.CanBePurified ? Differentiate(found, forward, Shape(io, sampleShape)) : found;
        }
        catch (InvalidModelException e)
        {
            return found with { Refusals = [.. found.Refusals, e.Message] };
        }
    }

    private static ModelInspection Differentiate(ModelInspection found, ForwardGraph forward, int[] shape)
    {
        var probe = Prober.Run(forward, shape);
        var graph = TrainingGraph.GradientsOnly(forward, probe, new TrainingGraphOptions { Objective = new CrossEntropy() });
        var reached = graph.Parameters.ToHashSet(StringComparer.Ordinal);
        return found with
        {
            Classes = (int)probe.Shape(forward.Logits)[1].Size,
            Trainable = [.. forward.Trainable.Where(reached.Contains).Select(n => new OnnxInitializer(forward.Initializers[n]))],
        };
    }

    // All operators in the way at once; differentiating would stop at the first.
    private static List<string> WithoutRule(ForwardGraph forward)
    {
        var rules = GradientRules.Standard;
        var reached = forward.Trainable.ToHashSet(StringComparer.Ordinal);
        var refusals = new List<string>();
        var seen = new HashSet<(string, string)>();
        foreach (var node in forward.Graph.Node)
        {
            if (rules.IsConstant(node) || !node.Input.Any(reached.Contains))
                continue;
            reached.UnionWith(node.Output);
            if (rules.Find(node) is null && seen.Add((node.Domain, node.OpType)))
                refusals.Add(new UnsupportedOperatorException(node.Label(), node.OpType, node.Domain, forward.Opset, "Ulrl has no gradient rule for it; export the model with standard operators").Message);
        }

        return refusals;
    }

    private static int[] Shape(ModelInterface io, IReadOnlyList<int>? given)
    {
        if (given is not null && (given.Count != io.SampleShape.Count || given.Where((d, i) => d < 1 || (io.SampleShape[i] >= 0 && io.SampleShape[i] != d)).Any()))
            throw new InvalidModelException($"input '{io.InputName}' takes samples of shape [{Text(io.SampleShape)}], not [{string.Join(", ", given)}]; give a shape that fits.");
        if (given is not null)
            return [.. given];
        if (io.SampleShape.Any(d => d < 0))
            throw new InvalidModelException($"input '{io.InputName}' takes samples of shape [{Text(io.SampleShape)}] with open dimensions; give the shape of a sample to look further.");
        if (io.SampleShape.Aggregate(1.0, (size, d) => size * d) > LargestSample)
            throw new InvalidModelException($"input '{io.InputName}' takes samples of shape [{Text(io.SampleShape)}], more than {LargestSample} values each; export the model for smaller samples.");
        return [.. io.SampleShape.Select(d => (int)d)];
    }

    private static string Text(IReadOnlyList<long> shape) => string.Join(", ", shape.Select(d => d < 0 ? "?" : $"{d}"));
}
