namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>Writes the layers of a network, from its input to its logits.</summary>
/// <param name="network">What the layers are written with.</param>
/// <param name="input">The images, of shape [channels, height, width] beside the batch.</param>
/// <param name="classes">Number of classes.</param>
/// <returns>The logits, of shape [classes] beside the batch.</returns>
public delegate FeatureMap NetworkDefinition(NetworkBuilder network, FeatureMap input, int classes);
