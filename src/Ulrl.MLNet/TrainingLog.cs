using Microsoft.ML.Runtime;
using Ulrl.Training.Purification;

namespace Ulrl.MLNet;

/// <summary>Writes one message per epoch and one for a search to a channel, and hands every step on.</summary>
internal sealed class TrainingLog(IChannel channel, IProgress<PurificationProgress>? next) : IProgress<PurificationProgress>
{
    private PurificationProgress? last;

    public void Report(PurificationProgress value)
    {
        if (last is not null && (last.Phase, last.Epoch) != (value.Phase, value.Epoch)) Flush();
        last = value;
        next?.Report(value);
    }

    /// <summary>Writes the message of the last epoch.</summary>
    public void Flush()
    {
        if (last is null) return;
        channel.Info(MessageSensitivity.None, last.Phase == PurificationPhase.Search
            ? FormattableString.Invariant($"{last.Phase} {last.Epoch} of at most {last.Epochs}: {last.Step} of {last.Steps} steps")
            : FormattableString.Invariant($"{last.Phase}: epoch {last.Epoch} of at most {last.Epochs}, loss {last.Loss:0.0000}, accuracy {last.Accuracy:0.000}"));
        last = null;
    }

    /// <summary>Writes what came of the run.</summary>
    public void Summarize(PurificationReport report, IReadOnlyList<string>? names)
    {
        string Name(int neuron) => names is null ? FormattableString.Invariant($"{neuron}") : FormattableString.Invariant($"{neuron} ({names[neuron]})");
        channel.Info(MessageSensitivity.Schema, report.SuspiciousNeurons.Count == 0
            ? "No neuron was suspicious"
            : "Suspicious neurons: " + string.Join(", ", report.SuspiciousNeurons.Select(Name)));
        channel.Info(MessageSensitivity.None, FormattableString.Invariant(
            $"Accuracy on the {report.SampleCount} clean samples: {report.AccuracyBefore:0.000} before, {report.AccuracyAfter:0.000} after purification on {report.Device}"));
        foreach (var warning in report.Warnings) channel.Warning(MessageSensitivity.None, warning);
    }
}
