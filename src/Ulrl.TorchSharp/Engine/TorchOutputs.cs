using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>What one run of a program answers.</summary>
/// <param name="Loss">The whole loss, a scalar that autograd can differentiate.</param>
/// <param name="CrossEntropy">Its cross-entropy part, a scalar.</param>
/// <param name="Correct">Number of samples that were classified right, a scalar.</param>
/// <param name="Logits">Logits, [batch, classes].</param>
internal sealed record TorchOutputs(Tensor Loss, Tensor CrossEntropy, Tensor Correct, Tensor Logits);
