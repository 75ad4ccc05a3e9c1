namespace Ulrl.Training.Runtime;

/// <summary>What one training step measured, before its update.</summary>
/// <param name="Loss">The whole loss.</param>
/// <param name="CrossEntropy">Mean cross-entropy of the batch.</param>
/// <param name="Correct">Samples of the batch that were classified right.</param>
/// <param name="Count">Samples in the batch.</param>
public readonly record struct StepResult(float Loss, float CrossEntropy, int Correct, int Count);
