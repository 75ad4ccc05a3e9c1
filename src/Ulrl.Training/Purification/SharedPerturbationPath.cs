namespace Ulrl.Training.Purification;

/// <summary>What the search found toward one class while the perturbation became sparser.</summary>
/// <param name="Class">The class.</param>
/// <param name="Success">
/// Per level, from the densest: share of the level's last batch that the model sent to the class. A class that was not followed to the end has fewer levels.
/// </param>
/// <param name="Snapshots">The perturbation at some levels, from the densest.</param>
internal sealed record SharedPerturbationPath(int Class, IReadOnlyList<double> Success, IReadOnlyList<SharedPerturbation> Snapshots)
{
    private const int SparseLevels = 5;

    /// <summary>
    /// How well sparse perturbations lead to the class, from 0 to 1: mean success at the five sparsest of its levels. The target of a backdoor with a
    /// small trigger is near 1.
    /// </summary>
    public double Reach { get; } = Success.TakeLast(SparseLevels).Average();
}
