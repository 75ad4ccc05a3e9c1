using Ulrl.Training;
using Ulrl.Training.Purification;

namespace Ulrl.Efficacy.Methods;

/// <summary>The methods that are compared.</summary>
internal static class MethodCatalog
{
    private static readonly IMethod[] All =
    [
        new PresetMethod(PurificationPreset.Balanced), new PresetMethod(PurificationPreset.Published), new FeatureShiftTuning(), new SharpnessAwareFineTuning(),
    ];

    /// <summary>Names, in the order of the tables.</summary>
    public static IReadOnlyList<string> Names => [.. All.Select(m => m.Name)];

    /// <summary>A method by name, upper or lower case.</summary>
    /// <exception cref="UlrlException">There is no such method.</exception>
    public static IMethod Find(string name) => Array.Find(All, m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new UlrlException($"there is no method '{name}'; choose of {string.Join(", ", Names)}.");
}
