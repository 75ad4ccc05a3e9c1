using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Campaign;

/// <summary>A model that is purified.</summary>
/// <param name="Name">What tables call it.</param>
/// <param name="Path">Its file.</param>
/// <param name="Triggered">Its triggered test samples, normalised, with their true labels; null for a clean model. Without a target they lead from every class to the next.</param>
internal sealed record Subject(string Name, string Path, LabeledSamples? Triggered);
