using System.Runtime.InteropServices;
using Ulrl.Training;
using Ulrl.Training.Runtime;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine;

/// <summary>What one run of a program answers.</summary>
/// <param name="Loss">The whole loss, a scalar that autograd can differentiate.</param>
/// <param name="CrossEntropy">Its cross-entropy part, a scalar.</param>
/// <param name="Correct">Number of samples that were classified right, a scalar.</param>
/// <param name="Logits">Logits, [batch, classes].</param>
internal sealed record TorchOutputs(Tensor Loss, Tensor CrossEntropy, Tensor Correct, Tensor Logits)
{
    /// <summary>Adds the gradient of the loss to those of the parameters.</summary>
    /// <exception cref="InvalidModelException">libtorch cannot differentiate the network.</exception>
    public void Differentiate()
    {
        try
        {
            Loss.backward();
        }
        catch (ExternalException e)
        {
            throw new InvalidModelException($"libtorch fails to differentiate the model ({OrtSessions.FirstLine(e.Message)}); use the engine onnxruntime.", e);
        }
    }
}
