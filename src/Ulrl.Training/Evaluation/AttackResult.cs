namespace Ulrl.Training.Evaluation;

/// <summary>What a model does with samples that carry a trigger. Samples whose true class is the target say nothing and are left out.</summary>
/// <param name="Target">The class that the trigger is to lead to; null where every sample has its own.</param>
/// <param name="Count">Number of samples of other classes.</param>
/// <param name="LeftOut">Number of samples left out because their true class is the target.</param>
/// <param name="ToTarget">Samples classified as the target, or as each one's own.</param>
/// <param name="ToTrueClass">Samples classified as what they truly are.</param>
/// <param name="Predictions">Predicted class of every sample given, left-out ones included.</param>
public sealed record AttackResult(int? Target, int Count, int LeftOut, int ToTarget, int ToTrueClass, IReadOnlyList<int> Predictions)
{
    /// <summary>Attack success rate (ASR): share of the samples that go to the target, 0 to 1.</summary>
    public double AttackSuccessRate => (double)ToTarget / Count;

    /// <summary>Robust accuracy (RA): share of the samples that go to their true class, 0 to 1.</summary>
    public double RobustAccuracy => (double)ToTrueClass / Count;
}
