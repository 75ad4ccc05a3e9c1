using Ulrl.Training.Purification;

namespace Ulrl.Cli.Defense;

/// <summary>An epoch as BackdoorBench tabulates it.</summary>
/// <param name="Epoch">Epoch, from 0.</param>
/// <param name="Batches">Batches of an epoch.</param>
/// <param name="TrainLoss">Mean loss of its batches: cross-entropy in unlearning, with the cosine term in relearning.</param>
/// <param name="TrainAccuracy">Accuracy over its batches.</param>
/// <param name="Tested">Measures on the test sets; null where they were not taken.</param>
internal sealed record EpochRow(int Epoch, int Batches, double TrainLoss, double TrainAccuracy, TestMeasures? Tested)
{
    /// <summary>Row of an epoch.</summary>
    public static EpochRow Of(PurificationEpoch epoch, TestMeasures? tested)
    {
        var losses = epoch.Phase == PurificationPhase.Unlearning ? epoch.Report.CrossEntropies : epoch.Report.Losses;
        return new EpochRow(epoch.Report.Epoch - 1, losses.Count, losses.Average(), epoch.Report.Accuracy, tested);
    }
}
