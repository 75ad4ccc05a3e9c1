namespace Ulrl.Training.Purification;

/// <summary>A perturbation that samples of relearning carry.</summary>
/// <param name="Goal">Where it leads.</param>
/// <param name="Perturbation">The perturbation.</param>
/// <param name="Weight">How often it is carried, in proportion to the weights of the others; above 0.</param>
internal sealed record PlannedPerturbation(PerturbationGoal Goal, SharedPerturbation Perturbation, double Weight = 1);
