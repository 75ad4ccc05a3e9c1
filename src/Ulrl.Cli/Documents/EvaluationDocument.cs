using Ulrl.Training.Evaluation;

namespace Ulrl.Cli.Documents;

/// <summary>What <c>ulrl evaluate --json</c> prints; shares lie between 0 and 1.</summary>
internal sealed record EvaluationDocument(
    int Samples,
    double CleanAccuracy,
    double? MeanCrossEntropy,
    IReadOnlyList<ClassDocument> Classes,
    AttackDocument? Attack)
{
    public static EvaluationDocument Of(EvaluationResult result) => new(
        result.Clean.Count,
        result.Clean.Accuracy,
        Finite(result.Clean.MeanCrossEntropy),
        [.. result.Clean.Classes.Select(c => new ClassDocument(c.Class, c.Count, Finite(c.Accuracy)))],
        result.Attack is { } a ? new AttackDocument(a.Target, a.Count, a.LeftOut, a.AttackSuccessRate, a.RobustAccuracy) : null);

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
