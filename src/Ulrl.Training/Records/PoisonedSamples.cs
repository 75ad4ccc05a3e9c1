using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;

namespace Ulrl.Training.Records;

/// <summary>The samples of a poisoned data set, as a network takes them.</summary>
public sealed class PoisonedSamples
{
    internal PoisonedSamples(LabeledSamples samples, int[] trueLabels)
    {
        Samples = samples;
        TrueLabels = trueLabels;
    }

    /// <summary>The samples; their labels are the classes that the attack wants.</summary>
    public LabeledSamples Samples { get; }

    /// <summary>The true class of every sample.</summary>
    public IReadOnlyList<int> TrueLabels { get; }

    /// <summary>The class that the attack wants of every sample; null where it is not one for all.</summary>
    public int? Target => Samples.Labels.Distinct().Take(2).ToArray() is [var one] ? one : null;

    /// <summary>Measures a model as BackdoorBench does: attack success over all samples, by each one's own wanted class.</summary>
    /// <param name="evaluator">Runs the model.</param>
    /// <param name="cancellation">Stops between and inside batches.</param>
    /// <returns>Attack success and robust accuracy, and the mean cross-entropy to the wanted classes.</returns>
    /// <exception cref="DataSetException">The samples do not fit the model.</exception>
    /// <exception cref="InvalidModelException">The model fails on the samples.</exception>
    public (AttackResult Attack, double MeanCrossEntropy) Measure(Evaluator evaluator, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(evaluator);
        var measured = evaluator.EvaluateClean(Samples, cancellation);
        var toTrueClass = measured.Predictions.Zip(TrueLabels).Count(pair => pair.First == pair.Second);
        return (new AttackResult(Target, measured.Count, 0, measured.Correct, toTrueClass, measured.Predictions), measured.MeanCrossEntropy);
    }
}
