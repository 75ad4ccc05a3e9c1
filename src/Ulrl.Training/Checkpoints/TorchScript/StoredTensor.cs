namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A tensor of the archive that a method reads.</summary>
/// <param name="Name">Its name in the state dict; null for a constant of the code.</param>
/// <param name="Tensor">Its values.</param>
/// <param name="IsParameter">Whether it is trained.</param>
internal sealed record StoredTensor(string? Name, CheckpointTensor Tensor, bool IsParameter);
