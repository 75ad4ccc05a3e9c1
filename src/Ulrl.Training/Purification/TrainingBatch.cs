namespace Ulrl.Training.Purification;

/// <summary>What a training step learns from.</summary>
/// <param name="Values">The samples, one after another.</param>
/// <param name="Labels">Their labels; −1 for none.</param>
/// <param name="Given">What the given model is asked about instead; empty for the samples themselves.</param>
/// <param name="Displacement">How far along the displacement of the phase the step is taken; 0 for where the weights are.</param>
internal readonly record struct TrainingBatch(Memory<float> Values, Memory<long> Labels, Memory<float> Given = default, float Displacement = 0f);
