using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// The objective on top of a network: the labels as an input, the nodes of the loss, and as outputs what a step reports.
/// Every engine reads these nodes.
/// </summary>
/// <param name="Terms">What the objective emitted.</param>
/// <param name="Classes">Number of classes.</param>
internal sealed record LossGraph(ObjectiveTerms Terms, long Classes)
{
    /// <summary>Emits the nodes.</summary>
    /// <param name="b">Builder over a copy of the network's graph.</param>
    /// <param name="forward">The network.</param>
    /// <param name="probe">Shapes of its tensors.</param>
    /// <param name="objective">What is minimised.</param>
    /// <exception cref="InvalidModelException">The network's output is not one row of logits per sample.</exception>
    public static LossGraph Emit(GraphBuilder b, ForwardGraph forward, Probe probe, IObjective objective)
    {
        var shape = probe.Shape(forward.Logits);
        if (shape.Length != 2 || !shape[1].IsFixed || shape[0] != new Dim(Dim.FirstBatch, Dim.SecondBatch))
        {
            throw new InvalidModelException($"output '{forward.Io.OutputName}' has shape [{string.Join(", ", shape)}]; logits of shape [batch, classes] are expected.");
        }

        var classes = shape[1].Size;
        var logits = b[forward.Logits];
        var labels = b.Input(TrainingGraph.Labels, DataType.Int64, -1);
        var context = new ObjectiveContext(b, logits, labels, classes, name => [.. forward.Initializers[name].Dims])
        {
            Samples = b[forward.Io.InputName],
            GivenLogits = objective.NeedsGivenLogits ? GivenModel.Emit(b, forward, probe) : default,
            GivenSamples = objective.NeedsGivenLogits ? b[GivenModel.Values] : default,
        };
        var terms = objective.Emit(context);
        b.Assign(TrainingGraph.Loss, "Identity", [terms.Loss]);
        b.Assign(TrainingGraph.CrossEntropyLoss, "Identity", [terms.CrossEntropy]);
        var answers = b.Op("ArgMax", [logits], ("axis", 1L), ("keepdims", 0L));
        b.Assign(TrainingGraph.Correct, "ReduceSum", [b.Op("Cast", [b.Op("Equal", [answers, labels])], ("to", 1L))], ("keepdims", 0L));
        foreach (var name in new[] { TrainingGraph.Loss, TrainingGraph.CrossEntropyLoss, TrainingGraph.Correct }) b.Output(name, DataType.Float);
        return new LossGraph(terms, classes);
    }
}
