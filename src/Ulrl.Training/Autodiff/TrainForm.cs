namespace Ulrl.Training.Autodiff;

/// <summary>What the training form of a graph adds to its inference form.</summary>
internal sealed class TrainForm
{
    /// <summary>Running statistics of every batch-norm with their values after the step.</summary>
    public List<RunningStatistic> RunningStatistics { get; } = [];

    /// <summary>Mean and population variance of the batch, by the output of the batch-norm that used them.</summary>
    public Dictionary<string, (Value Mean, Value Variance)> BatchStatistics { get; } = new(StringComparer.Ordinal);
}
