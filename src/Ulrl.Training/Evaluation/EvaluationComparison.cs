namespace Ulrl.Training.Evaluation;

/// <summary>Measures of a model before and after a defence, on the same samples.</summary>
/// <param name="CleanSamples">What the clean samples were read from.</param>
/// <param name="Before">The given model.</param>
/// <param name="After">The purified model.</param>
public sealed record EvaluationComparison(string CleanSamples, EvaluationResult Before, EvaluationResult After)
{
    /// <summary>Defense effectiveness rating, 0 to 1; null without triggered samples.</summary>
    public double? Rating => DefenseEffectivenessRating.Of(Before, After);
}
