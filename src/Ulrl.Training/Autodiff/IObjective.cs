namespace Ulrl.Training.Autodiff;

/// <summary>What a training step minimises: a loss over the logits, and terms over the parameters.</summary>
internal interface IObjective
{
    /// <summary>Emits the loss and its gradients.</summary>
    ObjectiveTerms Emit(ObjectiveContext context);
}
