namespace Ulrl.Efficacy.Victims;

/// <summary>How a network is trained: SGD with momentum 0.9 on batches of 128, the learning rate annealed to 0 by a cosine.</summary>
/// <param name="Epochs">Passes over the samples.</param>
/// <param name="LearningRate">Learning rate of the first epoch.</param>
/// <param name="Augments">Whether images are cropped after padding by 4 and mirrored at random.</param>
/// <param name="Seed">Seed of the order and the augmentation.</param>
internal sealed record TrainingPlan(int Epochs, float LearningRate, bool Augments, int Seed)
{
    public const int BatchSize = 128;
    public const float Momentum = 0.9f;
    public const float WeightDecay = 5e-4f;
}
