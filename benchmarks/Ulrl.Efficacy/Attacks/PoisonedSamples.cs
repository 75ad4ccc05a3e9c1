using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Attacks;

/// <summary>Training samples with poison in them.</summary>
/// <param name="Samples">All samples in the given order, values from 0 to 1, the poisoned ones with the attacker's labels.</param>
/// <param name="Poisoned">Numbers of the poisoned samples, ascending.</param>
/// <param name="Covers">Numbers of the samples that carry a cover and keep their label, ascending.</param>
internal sealed record PoisonedSamples(LabeledSamples Samples, IReadOnlyList<int> Poisoned, IReadOnlyList<int> Covers);
