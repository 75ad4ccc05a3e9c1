using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Campaign;

/// <summary>What a model does with the test samples.</summary>
/// <param name="CleanAccuracy">Clean accuracy, 0 to 1.</param>
/// <param name="Classes">Accuracy of every class, 0 to 1.</param>
/// <param name="AttackSuccess">Attack success rate, 0 to 1; null for a clean model.</param>
/// <param name="RobustAccuracy">Robust accuracy, 0 to 1; null for a clean model.</param>
/// <param name="CleanToTarget">Share of the clean test samples of other classes that go to the target without a trigger, below which attack success means nothing; null without a target.</param>
internal sealed record Measures(double CleanAccuracy, IReadOnlyList<double> Classes, double? AttackSuccess, double? RobustAccuracy, double? CleanToTarget = null)
{
    /// <summary>Measures a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="test">Clean test samples as it reads them.</param>
    /// <param name="triggered">Triggered ones; without a target, success is that of an all-to-all attack.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static Measures Of(OnnxModel model, LabeledSamples test, LabeledSamples? triggered, int threads, CancellationToken cancellation)
    {
        using var evaluator = new Evaluator(model, threads: threads);
        var clean = evaluator.EvaluateClean(test, cancellation);
        double[] classes = [.. clean.Classes.Select(c => c.Accuracy)];
        if (triggered is null) return new Measures(clean.Accuracy, classes, null, null);
        if (triggered.Target is { } target)
        {
            var attack = evaluator.EvaluateTriggered(triggered, cancellationToken: cancellation);
            var others = clean.Predictions.Zip(test.Labels).Where(p => p.Second != target).ToArray();
            return new Measures(clean.Accuracy, classes, attack.AttackSuccessRate, attack.RobustAccuracy, (double)others.Count(p => p.First == target) / others.Length);
        }

        var answers = evaluator.EvaluateClean(triggered, cancellation);
        var plan = new Attacks.PoisonPlan(null, 1, 0);
        var reached = answers.Predictions.Zip(triggered.Labels).Count(p => p.First == plan.Goal(p.Second, classes.Length));
        return new Measures(clean.Accuracy, classes, (double)reached / triggered.Count, answers.Accuracy);
    }
}
