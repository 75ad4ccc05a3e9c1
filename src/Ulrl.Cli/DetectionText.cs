using System.Globalization;
using Ulrl.Training.Purification;

namespace Ulrl.Cli;

/// <summary>A detection in words.</summary>
internal static class DetectionText
{
    public static string Of(BackdoorDetection found)
    {
        var confidence = string.Create(CultureInfo.InvariantCulture, $"confidence {found.Confidence:0.00}");
        if (!found.IsBackdoored)
            return $"nothing suspicious found ({confidence} that there is one)";
        var leads = string.Create(CultureInfo.InvariantCulture, $"{found.MeanDominance:0.0} times the next largest weight change, {found.Runs.Count} unlearning run{(found.Runs.Count == 1 ? "" : "s")}");
        if (found.Reach.Count > 0) leads += string.Create(CultureInfo.InvariantCulture, $"; perturbations reach it with {found.Neurons.Max(n => found.Reach.FirstOrDefault(r => r.Class == n)?.Share ?? 0):0.00}, the next class with {found.Reach.Where(r => !found.Neurons.Contains(r.Class)).Select(r => r.Share).DefaultIfEmpty().Max():0.00}");
        return $"likely, toward class {string.Join(", ", found.Neurons)} ({confidence}; {leads})";
    }
}
