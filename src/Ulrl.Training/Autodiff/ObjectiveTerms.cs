namespace Ulrl.Training.Autodiff;

/// <summary>What an objective emits.</summary>
/// <param name="Loss">The whole loss, a scalar.</param>
/// <param name="CrossEntropy">Its cross-entropy part before any weight or sign, a scalar.</param>
/// <param name="LogitsGradient">Gradient of the loss by the logits, [batch, classes].</param>
/// <param name="ParameterGradients">Gradients by parameters that do not come through the logits.</param>
internal sealed record ObjectiveTerms(Value Loss, Value CrossEntropy, Value LogitsGradient, IReadOnlyDictionary<string, Value> ParameterGradients);
