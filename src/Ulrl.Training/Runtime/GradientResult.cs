namespace Ulrl.Training.Runtime;

/// <summary>Loss, logits and gradients of one batch.</summary>
/// <param name="Loss">Mean cross-entropy of the batch.</param>
/// <param name="Logits">Logits, [samples × classes] row by row.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Gradients">Gradient of the loss by every trained initializer: its shape and its values.</param>
public sealed record GradientResult(float Loss, float[] Logits, int Classes, IReadOnlyDictionary<string, (long[] Shape, float[] Values)> Gradients);
