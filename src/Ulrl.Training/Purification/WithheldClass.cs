using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Purification;

/// <summary>
/// A class that the model answers for clean samples far more rarely than it occurs. A model trained on samples of a class that carry a trigger under their true label
/// (clean-label attacks: SIG, arXiv 1902.11237) waits for the trigger before it answers that class.
/// </summary>
/// <param name="Class">The class.</param>
/// <param name="Missed">Clean samples of the class that the model takes for another.</param>
/// <param name="Mistaken">Clean samples of other classes that it takes for this one.</param>
/// <param name="PeriodicReach">Share of clean samples of other classes that sinusoids, the same for all samples, lead to the class, from 0 to 1; null where none were tried.</param>
public sealed record WithheldClass(int Class, int Missed, int Mistaken, double? PeriodicReach)
{
    // Logistic curves over the excess of missed samples, and over the reach.
    private const double ExcessMiddle = 1.1;
    private const double ExcessSlope = 6;
    private const double ReachMiddle = 0.7;
    private const double ReachSlope = 20;

    /// <summary>How sure it is that the class is withheld, whatever leads to it.</summary>
    internal double Certainty => BackdoorDetection.Logistic(ExcessSlope * (Excess - ExcessMiddle));

    /// <summary>How sure it is that a trigger of this kind leads to the class.</summary>
    internal double Confidence => PeriodicReach is { } reach ? Certainty * BackdoorDetection.Logistic(ReachSlope * (reach - ReachMiddle)) : 0;

    // Logarithm of the ratio of missed to mistaken samples, less its standard error.
    private double Excess
    {
        get
        {
            var (missed, mistaken) = (Missed + 1.0, Mistaken + 1.0);
            return Math.Log(missed / mistaken) - Math.Sqrt((1 / missed) + (1 / mistaken));
        }
    }

    /// <summary>The class that is withheld most.</summary>
    /// <param name="answers">What the model makes of them.</param>
    internal static WithheldClass Of(CleanResult answers)
    {
        var predicted = new int[answers.Classes.Count];
        foreach (var answer in answers.Predictions) predicted[answer]++;
        return answers.Classes
            .Select(c => new WithheldClass(c.Class, c.Count - c.Correct, predicted[c.Class] - c.Correct, null))
            .MaxBy(c => c.Excess)!;
    }
}
