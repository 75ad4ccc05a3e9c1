using System.Globalization;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>A detection in words.</summary>
internal static class DetectionText
{
    public static string Of(BackdoorDetection found)
    {
        var confidence = Text($"confidence {found.Confidence:0.00}");
        if (!found.IsBackdoored)
            return $"nothing suspicious found ({confidence} that there is one)";
        if (found is { IsAllToAll: true, ToNext: { } next })
            return Text($"likely, from every class to the next ({confidence}): {next.Kind.ToString().ToLowerInvariant()} perturbations lead {next.Share:0 %} of the samples there");
        string[] signs = [.. new[] { Weights(found), Reach(found), Withheld(found) }.OfType<string>()];
        return Text($"likely, toward class{(found.Neurons.Count == 1 ? "" : "es")} {string.Join(" and ", found.Neurons)} ({confidence}){(signs.Length == 0 ? "" : ": ")}{string.Join("; ", signs)}");
    }

    // Where other neurons lead, their lead says nothing about these.
    private static string? Weights(BackdoorDetection found)
    {
        if (!found.Runs.All(r => found.Neurons.Contains(r.Neuron))) return null;
        return Text($"weight change {found.MeanDominance:0.0} times the next largest in {found.Runs.Count} unlearning run{(found.Runs.Count == 1 ? "" : "s")}");
    }

    private static string? Reach(BackdoorDetection found)
    {
        var there = found.Reach.Where(r => found.Neurons.Contains(r.Class)).Select(r => r.Share).ToArray();
        var elsewhere = found.Reach.Where(r => !found.Neurons.Contains(r.Class)).Select(r => r.Share).ToArray();
        if (there.Length < found.Neurons.Count || elsewhere.Length == 0 || there.Min() <= elsewhere.Max()) return null;
        return Text($"{found.Reach[0].Kind.ToString().ToLowerInvariant()} perturbations lead {there.Min():0 %} of other samples there, at most {elsewhere.Max():0 %} to another class that was followed as far");
    }

    private static string? Withheld(BackdoorDetection found)
    {
        if (found.Withheld is not { PeriodicReach: { } reach } withheld || !found.Neurons.Contains(withheld.Class)) return null;
        return Text($"the model misses {withheld.Missed} clean samples of the class and takes {withheld.Mistaken} others for it, and sinusoids lead {reach:0 %} of other samples there");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
