namespace Ulrl.Training.Purification;

/// <summary>How well shared perturbations at few positions of the sample lead to a class.</summary>
/// <param name="Class">The class.</param>
/// <param name="Share">Share of the samples of other classes that went there, from 0 to 1, mean over the sparsest levels of the search.</param>
public sealed record ClassReach(int Class, double Share);
