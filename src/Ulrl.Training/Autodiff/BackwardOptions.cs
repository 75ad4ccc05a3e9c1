namespace Ulrl.Training.Autodiff;

/// <summary>What the reverse walk knows beyond the graph.</summary>
/// <param name="Probe">Shapes and steering values.</param>
/// <param name="Opset">Opset of the model.</param>
/// <param name="Portable">Whether to keep to standard operators, for providers other than the CPU.</param>
/// <param name="Count">Element counts that grow with the batch.</param>
/// <param name="TrainForm">Batch statistics where batch-norm is in training form; null in inference form.</param>
internal sealed record BackwardOptions(Probe Probe, long Opset, bool Portable, BatchCount Count, TrainForm? TrainForm);
