namespace Ulrl.Training.Runtime;

/// <summary>What one training step measured, before its update.</summary>
/// <param name="Loss">The whole loss.</param>
/// <param name="CrossEntropy">Cross-entropy of the samples that have a label, over the size of the batch.</param>
/// <param name="Correct">Labelled samples of the batch that were classified right.</param>
/// <param name="Count">Samples of the batch that have a label.</param>
public readonly record struct StepResult(float Loss, float CrossEntropy, int Correct, int Count)
{
    /// <summary>Number of labels that are a class: a label of −1 stands for none.</summary>
    internal static int Labelled(ReadOnlySpan<long> labels)
    {
        var count = 0;
        foreach (var label in labels)
        {
            if (label >= 0) count++;
        }

        return count;
    }
}
