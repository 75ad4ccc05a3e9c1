namespace Ulrl.Training.Records;

/// <summary>One sample of a poisoned data set.</summary>
/// <param name="Index">Its number in the clean data set.</param>
/// <param name="Label">The class that the attack wants; null for a sample left as it is in the clean data set.</param>
/// <param name="TrueLabel">Its true class; null for a sample left as it is, which has the clean data set's label.</param>
/// <param name="File">Where its stored image lies below the record's folder, part by part; null for a sample left as it is.</param>
public sealed record PoisonedImage(int Index, int? Label, int? TrueLabel, IReadOnlyList<string>? File)
{
    /// <summary>Whether the sample carries the trigger.</summary>
    public bool IsPoisoned => File is not null;
}
