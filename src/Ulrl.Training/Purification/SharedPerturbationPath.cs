namespace Ulrl.Training.Purification;

/// <summary>What the search found toward one class while the perturbation lost its freedom and grew.</summary>
/// <param name="Kind">Kind of the perturbation.</param>
/// <param name="Class">The class.</param>
/// <param name="Success">
/// Per level, from the first: share of the level's last batch that the model sent to the class. A class that was not followed to the end has fewer levels.
/// </param>
/// <param name="Snapshots">The perturbation at some levels, from the first.</param>
internal sealed record SharedPerturbationPath(PerturbationKind Kind, int Class, IReadOnlyList<double> Success, IReadOnlyList<SharedPerturbation> Snapshots)
{
    /// <summary>
    /// How well such perturbations lead to the class, from 0 to 1: mean success at the last of its levels (five, of a warp three). The target of a backdoor whose
    /// trigger is of this kind is near 1.
    /// </summary>
    public double Reach { get; } = Success.TakeLast(Kind == PerturbationKind.Warp ? 3 : 5).Average();
}
