namespace Ulrl.Training.Purification;

/// <summary>What the search found toward one goal while the perturbation lost its freedom and grew.</summary>
/// <param name="Kind">Kind of the perturbation.</param>
/// <param name="Goal">Where it leads.</param>
/// <param name="Success">
/// Per level, from the first: share of the samples that the model sent to the goal, of the level's last batch or of many. What was not followed to the end has fewer levels.
/// </param>
/// <param name="Snapshots">The perturbation at some levels, from the first.</param>
internal sealed record SharedPerturbationPath(PerturbationKind Kind, PerturbationGoal Goal, IReadOnlyList<double> Success, IReadOnlyList<SharedPerturbation> Snapshots)
{
    /// <summary>Whether it was followed to the end; false where others led further.</summary>
    public bool IsComplete { get; init; } = true;

    /// <summary>Whether it leads to a class and can be compared with those to others.</summary>
    public bool IsComparable => IsComplete && Goal.Class is not null;

    /// <summary>
    /// How well such perturbations lead there, from 0 to 1: mean success at the last three of its levels, or at the last one of noise and sinusoids. The target of a backdoor whose
    /// trigger is of this kind is near 1.
    /// </summary>
    public double Reach { get; } = Success.TakeLast(Kind is PerturbationKind.Noise or PerturbationKind.Periodic ? 1 : 3).Average();
}
