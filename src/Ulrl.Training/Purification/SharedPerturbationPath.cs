namespace Ulrl.Training.Purification;

/// <summary>What the search found toward one goal while the perturbation lost its freedom and grew.</summary>
/// <param name="Kind">Kind of the perturbation.</param>
/// <param name="Goal">Where it leads.</param>
/// <param name="Success">
/// Per level, from the first: share of the level's last batch that the model sent to the goal. What was not followed to the end has fewer levels.
/// </param>
/// <param name="Snapshots">The perturbation at some levels, from the first.</param>
internal sealed record SharedPerturbationPath(PerturbationKind Kind, PerturbationGoal Goal, IReadOnlyList<double> Success, IReadOnlyList<SharedPerturbation> Snapshots)
{
    /// <summary>
    /// How well such perturbations lead there, from 0 to 1: mean success at the last of its levels (five of a sparse one, three of a smooth one or a warp, one of a sinusoid). The target of a backdoor whose
    /// trigger is of this kind is near 1.
    /// </summary>
    public double Reach { get; } = Success.TakeLast(Levels(Kind)).Average();

    private static int Levels(PerturbationKind kind) => kind switch
    {
        PerturbationKind.Sparse => 5,
        PerturbationKind.Periodic => 1,
        _ => 3,
    };
}
