namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// A trigger, and how it gets into training data. Images have values from 0 to 1, channel after channel; what is written may leave that
/// range a little, <see cref="Poisoner"/> rounds it to pixels of one byte.
/// </summary>
internal interface IAttack
{
    /// <summary>Whether only samples of the target class are poisoned, which keep their label.</summary>
    bool IsCleanLabel => false;

    /// <summary>Samples per poisoned one that get a <see cref="Cover"/> and keep their label.</summary>
    double CoverRatio => 0;

    /// <summary>Puts the trigger on an image, as the attacker does to the model in use.</summary>
    /// <param name="image">The image.</param>
    /// <param name="triggered">Receives it with the trigger.</param>
    void Apply(ReadOnlySpan<float> image, Span<float> triggered);

    /// <summary>Makes a poisoned training sample.</summary>
    /// <param name="image">The image.</param>
    /// <param name="label">Its true class.</param>
    /// <param name="poisoned">Receives the sample.</param>
    /// <param name="random">Source of what differs from sample to sample.</param>
    void Poison(ReadOnlySpan<float> image, int label, Span<float> poisoned, Random random) => Apply(image, poisoned);

    /// <summary>Makes a training sample that resembles a poisoned one and keeps its label, so that nothing else than the trigger works.</summary>
    /// <param name="image">The image.</param>
    /// <param name="cover">Receives the sample.</param>
    /// <param name="random">Source of what differs from sample to sample.</param>
    void Cover(ReadOnlySpan<float> image, Span<float> cover, Random random) => Apply(image, cover);
}
