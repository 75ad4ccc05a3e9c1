namespace Ulrl.Efficacy.Victims;

/// <summary>How long the models are trained.</summary>
/// <param name="CleanEpochs">Epochs of a network on all clean samples, from random weights.</param>
/// <param name="PoisonedSamples">Samples that a backdoored model goes on with.</param>
/// <param name="PoisonedEpochs">Its epochs on them.</param>
/// <param name="LearningRate">Learning rate that both begin with.</param>
/// <param name="Seed">Seed of weights, order, augmentation and choice of the poisoned samples.</param>
internal sealed record VictimSchedule(int CleanEpochs, int PoisonedSamples, int PoisonedEpochs, float LearningRate, int Seed);
