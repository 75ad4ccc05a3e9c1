namespace Ulrl.Training.Purification;

/// <summary>Makes the batches of a phase.</summary>
internal interface IBatchSource
{
    /// <summary>Starts the random numbers of an epoch, counted from 0.</summary>
    void StartEpoch(int epoch);

    /// <summary>Makes a batch, which is good until the next one.</summary>
    /// <param name="batch">Numbers of its samples.</param>
    TrainingBatch Load(ReadOnlySpan<int> batch);
}
