using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Purification;

/// <summary>Sentences for what a reader of the report must not overlook.</summary>
internal static class PurificationWarnings
{
    // A class counts as known above this accuracy, and as lost below a tenth of what it had.
    private const double Known = 0.2;
    private const double LostShare = 0.1;

    /// <summary>Whether a class that the model knew has been lost.</summary>
    public static bool IsLost(double? before, double? after) => before >= Known && after <= LostShare * before;

    public static IReadOnlyList<string> Of(
        IReadOnlyList<NeuronReport> neurons, BackdoorDetection detection, IReadOnlyList<ClassAccuracy> classes, PhaseReport unlearning, PurificationOptions options, RelearningPlan? plan, GraphProto given)
    {
        var warnings = new List<string>();
        var suspicious = neurons.Where(n => n.IsSuspicious).Select(n => n.Neuron).ToArray();
        if (suspicious.Length == 0)
        {
            var toward = plan?.Perturbations.Select(p => p.Goal.Class).Distinct().Order().ToArray() ?? [];
            var hardened = toward.Length > 0 ? $" and hardened against perturbations toward class {string.Join(", ", toward)}, which lead further than is usual" : "";
            warnings.Add($"Nothing suspicious was found: the model was only fine-tuned on the clean samples{hardened}. No backdoor is known to have been removed, and one that the detection missed can still be in it.");
        }
        else if (!detection.IsBackdoored)
        {
            warnings.Add(FormattableString.Invariant(
                $"The model shows no clear sign of a backdoor (confidence {detection.Confidence:0.00}), and yet neuron {string.Join(", ", suspicious)} was relearned: this may have cost accuracy and removed nothing."));
        }

        if (suspicious.Length > 1 && !detection.IsAllToAll)
        {
            warnings.Add($"{suspicious.Length} neurons were suspicious ({string.Join(", ", suspicious)}): the backdoor may have several targets, or the clean samples are too few to tell; compare runs with other seeds.");
        }

        foreach (var c in classes.Where(c => IsLost(c.Before, c.After)))
        {
            warnings.Add(FormattableString.Invariant(
                $"Class {c.Class} has been lost: its accuracy on the clean samples fell from {c.Before:0.000} to {c.After:0.000}. A low attack success on a lost class shows no purification."));
        }

        if (!detection.IsSettled && FewBatchNorms(given))
        {
            warnings.Add("The model has few batch-norm layers of its own, as after folding: the backdoored neuron can then be missed, or a wrong one found. Purify the model as it was before folding if you can.");
        }

        var missing = classes.Where(c => c.Samples == 0).Select(c => c.Class).ToArray();
        if (missing.Length > 0)
        {
            warnings.Add($"There is no clean sample of class {string.Join(", ", missing)}: relearning can forget such a class, and its accuracy is unknown.");
        }

        var last = unlearning.Epochs[^1];
        if (last.Accuracy > options.CleanThreshold)
        {
            warnings.Add(FormattableString.Invariant(
                $"Unlearning ended after {unlearning.Epochs.Count} epochs with accuracy {last.Accuracy:0.000}, above the threshold {options.CleanThreshold}: the weight changes may tell little."));
        }

        return warnings;
    }

    private static bool FewBatchNorms(GraphProto graph)
    {
        int Count(string type) => graph.Node.Count(n => n.OpType == type);
        return 2 * Count("BatchNormalization") < Count("Conv");
    }
}
