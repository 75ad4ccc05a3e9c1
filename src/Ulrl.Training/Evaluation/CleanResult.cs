namespace Ulrl.Training.Evaluation;

/// <summary>What a model does with clean samples.</summary>
/// <param name="Count">Number of samples.</param>
/// <param name="Correct">Samples classified right.</param>
/// <param name="MeanCrossEntropy">Mean cross-entropy in nats.</param>
/// <param name="Classes">Accuracy of every class of the model, by class number; classes without samples included.</param>
/// <param name="Predictions">Predicted class per sample: the first of the largest logits.</param>
public sealed record CleanResult(
    int Count, int Correct, double MeanCrossEntropy, IReadOnlyList<ClassResult> Classes, IReadOnlyList<int> Predictions)
{
    /// <summary>Clean accuracy (CA, ACC): share of the samples classified right, 0 to 1.</summary>
    public double Accuracy => (double)Correct / Count;
}
