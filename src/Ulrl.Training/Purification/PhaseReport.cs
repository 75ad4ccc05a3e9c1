namespace Ulrl.Training.Purification;

/// <summary>One phase of a purification.</summary>
/// <param name="Epochs">Its epochs.</param>
/// <param name="Seconds">Its duration.</param>
public sealed record PhaseReport(IReadOnlyList<EpochReport> Epochs, double Seconds);
