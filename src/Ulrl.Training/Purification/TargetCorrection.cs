using System.Numerics.Tensors;

namespace Ulrl.Training.Purification;

/// <summary>
/// How much lower a suspicious class's logit is in the answers that relearning distils. A model that was trained on samples with changed labels answers its target too often for
/// clean samples, too, and would pass that on.
/// </summary>
/// <param name="Class">The class.</param>
/// <param name="Logit">What is taken off its logit, above 0.</param>
public sealed record TargetCorrection(int Class, float Logit)
{
    private const double Largest = 20;
    private const int Halvings = 40;

    /// <summary>
    /// A share of what makes the given model answer each class as often as it occurs among the clean samples, and one standard error more often. A class that is not
    /// answered too often has none.
    /// </summary>
    /// <param name="suspicious">The classes.</param>
    /// <param name="logits">The given model's answers, [samples, classes].</param>
    /// <param name="labels">The true classes.</param>
    /// <param name="share">The share, from 0 to 1.</param>
    internal static IReadOnlyList<TargetCorrection> Of(IReadOnlyList<int> suspicious, float[] logits, IReadOnlyList<int> labels, float share) =>
        [.. suspicious.Select(c => new TargetCorrection(c, (float)(share * Excess(c, logits, labels)))).Where(c => c.Logit > 0)];

    private static double Excess(int target, float[] logits, IReadOnlyList<int> labels)
    {
        var rows = logits.Chunk(logits.Length / labels.Count).ToArray();
        var most = Most(target, rows, labels);
        if (Answered(target, rows, 0) <= most) return 0;
        var (low, high) = (0.0, Largest);
        for (var i = 0; i < Halvings; i++)
        {
            var middle = (low + high) / 2;
            if (Answered(target, rows, middle) > most) low = middle;
            else high = middle;
        }

        return low;
    }

    // Samples of the class, and the standard error of the difference to how many are answered as such.
    private static double Most(int target, float[][] rows, IReadOnlyList<int> labels)
    {
        var wrong = rows.Where((row, i) => TensorPrimitives.IndexOfMax<float>(row) == target != (labels[i] == target)).Count();
        return labels.Count(label => label == target) + Math.Sqrt(wrong);
    }

    // Sum of the probabilities of the class, its logit lowered.
    private static double Answered(int target, float[][] rows, double lowered) => rows.Sum(row =>
    {
        var others = row.Where((_, c) => c != target).Sum(logit => Math.Exp(logit - (row[target] - lowered)));
        return 1 / (1 + others);
    });
}
