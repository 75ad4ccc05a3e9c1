namespace Ulrl.Training.Purification;

/// <summary>How well shared perturbations of one kind lead from every class to the next.</summary>
/// <param name="Share">Share of the samples that went to the class after their own, from 0 to 1, mean over the last levels of the search.</param>
/// <param name="Kind">The kind.</param>
public sealed record NextReach(double Share, PerturbationKind Kind);
