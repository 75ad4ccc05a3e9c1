namespace Ulrl.Training.Purification;

/// <summary>What an unlearning run did to the neurons of the classifier layer.</summary>
/// <param name="Changes">Neuron weight change of every class.</param>
/// <param name="Captured">
/// For the classes that changed most: share of the clean samples of other classes that the unlearnt network sends there, batch-norm by the statistics of the batch.
/// </param>
internal sealed record UnlearntNeurons(double[] Changes, IReadOnlyDictionary<int, double> Captured)
{
    /// <summary>Share of the samples that the unlearnt network sends to some classes, at most 1; nothing for a class that did not change most.</summary>
    public double Capture(IEnumerable<int> classes) => Math.Min(1, classes.Sum(c => Captured.GetValueOrDefault(c)));
}
