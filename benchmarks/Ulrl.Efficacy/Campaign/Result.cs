using Ulrl.Training.Evaluation;

namespace Ulrl.Efficacy.Campaign;

/// <summary>One run of a method on a model.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Settings">Fingerprint of its settings.</param>
/// <param name="CleanSet">Name of the clean samples.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Flagged">The classes that the method aimed at.</param>
/// <param name="Confidence">Its confidence that the given model is backdoored, 0 to 1; null where it does not say.</param>
/// <param name="Before">The given model.</param>
/// <param name="After">The purified model.</param>
/// <param name="Seconds">Wall time of the purification.</param>
/// <param name="CpuSeconds">Time of all processors that the process used meanwhile.</param>
internal sealed record Result(
    string Model, string Method, string Settings, string CleanSet, int Seed, IReadOnlyList<int> Flagged, double? Confidence, Measures Before, Measures After, double Seconds, double CpuSeconds)
{
    // The least that a defence has to do.
    private const double MostClassDrop = 0.15;
    private const double MostAttackLeft = 0.1;

    /// <summary>What the class lost that lost most.</summary>
    public double WorstClassDrop => Before.Classes.Zip(After.Classes).Max(c => c.First - c.Second);

    /// <summary>What the flagged class lost that lost most; null where none was flagged.</summary>
    public double? FlaggedDrop => Flagged.Count == 0 ? null : Flagged.Max(c => Before.Classes[c] - After.Classes[c]);

    /// <summary>Whether no class lost more than 0.15, and attack success is at most a tenth of what it was.</summary>
    public bool KeepsFloor => WorstClassDrop <= MostClassDrop && (Before.AttackSuccess is not { } before || After.AttackSuccess <= MostAttackLeft * before);

    /// <summary>Defense effectiveness rating; null for a clean model.</summary>
    public double? Rating => Before.AttackSuccess is { } before && After.AttackSuccess is { } after
        ? DefenseEffectivenessRating.Of(Before.CleanAccuracy, After.CleanAccuracy, before, after)
        : null;
}
