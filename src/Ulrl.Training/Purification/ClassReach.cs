namespace Ulrl.Training.Purification;

/// <summary>How well shared perturbations of one kind lead to a class.</summary>
/// <param name="Class">The class.</param>
/// <param name="Share">Share of the samples of other classes that went there, from 0 to 1, mean over the last levels of the search.</param>
/// <param name="Kind">The kind.</param>
public sealed record ClassReach(int Class, double Share, PerturbationKind Kind);
