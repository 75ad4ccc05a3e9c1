namespace Ulrl.Training.Evaluation;

/// <summary>Defense effectiveness rating (DER): how much attack success a defence takes away against the clean accuracy it costs.</summary>
public static class DefenseEffectivenessRating
{
    /// <summary><c>(max(0, ΔASR) − max(0, ΔCA) + 1) / 2</c>, where Δ is before minus after; 0 to 1, one half for no effect.</summary>
    /// <param name="cleanAccuracyBefore">Clean accuracy of the given model, 0 to 1.</param>
    /// <param name="cleanAccuracyAfter">Clean accuracy of the purified model, 0 to 1.</param>
    /// <param name="attackSuccessBefore">Attack success rate of the given model, 0 to 1.</param>
    /// <param name="attackSuccessAfter">Attack success rate of the purified model, 0 to 1.</param>
    public static double Of(double cleanAccuracyBefore, double cleanAccuracyAfter, double attackSuccessBefore, double attackSuccessAfter) =>
        (Math.Max(0, attackSuccessBefore - attackSuccessAfter) - Math.Max(0, cleanAccuracyBefore - cleanAccuracyAfter) + 1) / 2;

    /// <summary>The rating between two evaluations on the same samples; null where either has no triggered samples.</summary>
    /// <param name="before">The given model.</param>
    /// <param name="after">The purified model.</param>
    public static double? Of(EvaluationResult before, EvaluationResult after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        return before.Attack is { } attacked && after.Attack is { } defended
            ? Of(before.Clean.Accuracy, after.Clean.Accuracy, attacked.AttackSuccessRate, defended.AttackSuccessRate)
            : null;
    }
}
