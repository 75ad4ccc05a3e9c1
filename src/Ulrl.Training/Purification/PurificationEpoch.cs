using Ulrl.Training.Onnx;

namespace Ulrl.Training.Purification;

/// <summary>An epoch of a purification that has just ended, with the model as it stands then.</summary>
public sealed class PurificationEpoch
{
    private readonly Func<OnnxModel> copy;

    internal PurificationEpoch(PurificationPhase phase, EpochReport report, Func<OnnxModel> copy)
    {
        Phase = phase;
        Report = report;
        this.copy = copy;
    }

    /// <summary>The phase.</summary>
    public PurificationPhase Phase { get; }

    /// <summary>Accuracy and losses of the epoch.</summary>
    public EpochReport Report { get; }

    /// <summary>A copy of the given model with the parameters and running statistics of this moment; to be called before the next epoch begins.</summary>
    /// <exception cref="InvalidModelException">A value is too large for its initializer's element type.</exception>
    public OnnxModel CopyModel() => copy();
}
