using System.Globalization;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>One step of a purification in words.</summary>
internal static class ProgressText
{
    public static string Of(PurificationProgress step)
    {
        if (step.Phase == PurificationPhase.Search) return $"{Name(step.Phase)} {step.Epoch}/{step.Epochs} step {step.Step}/{step.Steps}";

        // Unlearning minimises the negative cross-entropy.
        var (name, loss) = step.Phase is PurificationPhase.Unlearning or PurificationPhase.Detection ? ("cross-entropy", -step.Loss) : ("loss", step.Loss);
        return string.Create(CultureInfo.InvariantCulture, $"{Name(step.Phase)} epoch {step.Epoch}/{step.Epochs}: {name} {loss:0.000}, accuracy {step.Accuracy:0.000}");
    }

    public static string Name(PurificationPhase phase) => phase.ToString().ToLowerInvariant();
}
