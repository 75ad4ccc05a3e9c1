namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>Finds the entries of a state dict that a network needs.</summary>
internal static class StateDictNames
{
    private const int Shown = 6;

    /// <summary>The name in the state dict of every parameter.</summary>
    /// <exception cref="ArchitectureException">The state dict is not the network's.</exception>
    public static Dictionary<string, string> Bind(
        Architecture architecture, NetworkBuilder network, ReadOnlySpan<string> prefixes, IReadOnlyDictionary<string, (long[] Shape, float[] Values)> stateDict)
    {
        var prefix = "";
        foreach (var candidate in prefixes)
        {
            if (!stateDict.ContainsKey(candidate + network.Parameters[0].Name)) continue;
            prefix = candidate;
            break;
        }

        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        List<string> missing = [], misshapen = [];
        foreach (var parameter in network.Parameters)
        {
            var name = prefix + parameter.Name;
            if (!stateDict.ContainsKey(name) && network.Aliases.TryGetValue(parameter.Name, out var alias) && stateDict.ContainsKey(prefix + alias)) name = prefix + alias;
            if (!stateDict.TryGetValue(name, out var entry))
            {
                missing.Add($"'{name}'");
                continue;
            }

            names.Add(parameter.Name, name);
            if (!entry.Shape.SequenceEqual(parameter.Shape)) misshapen.Add($"'{name}' is [{string.Join(',', entry.Shape)}] instead of [{string.Join(',', parameter.Shape)}]");
            else if (entry.Values.Length != parameter.Shape.Aggregate(1L, (a, b) => a * b)) misshapen.Add($"'{name}' of shape [{string.Join(',', entry.Shape)}] has {entry.Values.Length} values");
        }

        var used = names.Values.ToHashSet(StringComparer.Ordinal);
        var unexpected = stateDict.Keys
            .Where(k => !used.Contains(k) && !k.EndsWith("num_batches_tracked", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Select(k => $"'{k}'").ToList();
        string[] complaints = [.. List("missing", missing), .. List("unexpected", unexpected), .. List("wrongly shaped", misshapen)];
        if (complaints.Length == 0) return names;
        throw new ArchitectureException(
            $"the weights are not those of {architecture}: {string.Join("; ", complaints)}; give the architecture, the number of classes and the image size that the checkpoint was trained with.");
    }

    /// <summary>Says which entries there are of a kind, the first few by name; nothing where there are none.</summary>
    internal static IEnumerable<string> List(string what, List<string> entries)
    {
        if (entries.Count == 0) yield break;
        var more = entries.Count > Shown ? $" and {entries.Count - Shown} more" : "";
        yield return $"{what} {string.Join(", ", entries.Take(Shown))}{more}";
    }
}
