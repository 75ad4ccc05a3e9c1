namespace Ulrl.Training.Autodiff;

/// <summary>
/// What a training step minimises: a loss over the logits, and terms over the parameters. An objective emits its loss and the gradients
/// of that as ONNX nodes: an engine that differentiates by itself reads only the loss, so that one objective serves every engine.
/// </summary>
internal interface IObjective
{
    /// <summary>Whether the logits that the given model answers on its values of the batch are needed.</summary>
    bool NeedsGivenLogits => false;

    /// <summary>Emits the loss and its gradients.</summary>
    ObjectiveTerms Emit(ObjectiveContext context);
}
