namespace Ulrl.Training.Purification;

/// <summary>What a run drew at random, so that another implementation's run can be repeated step by step.</summary>
public sealed record PurificationReplay
{
    /// <summary>Sample numbers of every unlearning epoch in the order they are visited; null to shuffle.</summary>
    public IReadOnlyList<int[]>? UnlearningOrder { get; init; }

    /// <summary>Sample numbers of every relearning epoch; null to shuffle.</summary>
    public IReadOnlyList<int[]>? RelearningOrder { get; init; }

    /// <summary>Weights that the suspicious neurons start relearning from, by neuron; null to draw them.</summary>
    public IReadOnlyDictionary<int, float[]>? InitialRows { get; init; }
}
