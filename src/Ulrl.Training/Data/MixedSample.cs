namespace Ulrl.Training.Data;

/// <summary>What a sample of a batch was mixed with.</summary>
/// <param name="Sample">Its place in the batch.</param>
/// <param name="Partner">Place of the sample that was mixed in; its own where the draw gave no other.</param>
/// <param name="Share">What is left of the sample itself, 0 to 1: its weight in a mixup, its share of the pixels in a CutMix.</param>
internal readonly record struct MixedSample(int Sample, int Partner, float Share);
