using Ulrl.Training.Purification;

namespace Ulrl.Cli.Documents;

/// <summary>Whether a model is backdoored, in <c>ulrl inspect --clean DATA --json</c>.</summary>
internal sealed record DetectionDocument(double Confidence, bool Backdoored, IReadOnlyList<int> Neurons, double MeanDominance, IReadOnlyList<DetectionRun> Runs, IReadOnlyList<ClassReach> Reach, bool AllToAll, NextReach? ToNext, WithheldClass? Withheld)
{
    public static DetectionDocument Of(BackdoorDetection found) => new(found.Confidence, found.IsBackdoored, found.Neurons, found.MeanDominance, found.Runs, found.Reach, found.IsAllToAll, found.ToNext, found.Withheld);
}
