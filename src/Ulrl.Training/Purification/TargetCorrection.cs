using System.Numerics.Tensors;

namespace Ulrl.Training.Purification;

/// <summary>
/// How much lower a suspicious class's logit is in the given answers that relearning distils for samples of other classes that carry a perturbation toward it. A model that was
/// trained on samples with changed labels answers its target too often for clean samples, too, and would pass that on.
/// </summary>
/// <param name="Class">The class.</param>
/// <param name="Logit">What is taken off its logit, above 0.</param>
public sealed record TargetCorrection(int Class, float Logit)
{
    // Of what a class is answered too often.
    private const double Factor = 2;

    // Of so many clean samples of the class all is taken off; fewer hold it less.
    private const int EnoughSamples = 40;

    private const double Largest = 20;
    private const int Halvings = 40;

    /// <summary>
    /// Twice what makes the given model answer each class as often as it occurs among the clean samples, and one standard error more often, or what is asked for if that is more. Where fewer than
    /// 40 clean samples are of the class, it is less in proportion. A class that is answered too rarely by more than one standard error has none.
    /// </summary>
    /// <param name="suspicious">The classes.</param>
    /// <param name="logits">The given model's answers, [samples, classes].</param>
    /// <param name="labels">The true classes.</param>
    /// <param name="least">The least, above 0.</param>
    internal static IReadOnlyList<TargetCorrection> Of(IReadOnlyList<int> suspicious, float[] logits, IReadOnlyList<int> labels, float least)
    {
        var rows = logits.Chunk(logits.Length / labels.Count).ToArray();
        return [.. suspicious.Select(c => Of(c, rows, labels, least)).OfType<TargetCorrection>()];
    }

    private static TargetCorrection? Of(int target, float[][] rows, IReadOnlyList<int> labels, float least)
    {
        var occurs = labels.Count(label => label == target);

        // Standard error of the difference between how many samples are answered as of the class and how many are.
        var error = Math.Sqrt(rows.Where((row, i) => TensorPrimitives.IndexOfMax<float>(row) == target != (labels[i] == target)).Count());
        var answered = Answered(target, rows, 0);
        if (occurs == 0 || answered < occurs - error) return null;
        var excess = answered > occurs + error ? Excess(target, rows, occurs + error) : 0;
        return new TargetCorrection(target, (float)(Math.Max(least, Factor * excess) * Math.Min((double)occurs / EnoughSamples, 1)));
    }

    private static double Excess(int target, float[][] rows, double most)
    {
        var (low, high) = (0.0, Largest);
        for (var i = 0; i < Halvings; i++)
        {
            var middle = (low + high) / 2;
            if (Answered(target, rows, middle) > most) low = middle;
            else high = middle;
        }

        return low;
    }

    // Sum of the probabilities of the class, its logit lowered.
    private static double Answered(int target, float[][] rows, double lowered) => rows.Sum(row =>
    {
        var others = row.Where((_, c) => c != target).Sum(logit => Math.Exp(logit - (row[target] - lowered)));
        return 1 / (1 + others);
    });
}
