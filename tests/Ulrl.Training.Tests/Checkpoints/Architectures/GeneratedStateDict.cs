using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Ulrl.Training.Checkpoints.Architectures;

namespace Ulrl.Training.Tests.Checkpoints.Architectures;

/// <summary>
/// The state dict that tests/peers/check_architectures.py generates, bit for bit: the values of an entry depend on its
/// name alone. They are made when they are read, so that large networks need no second copy of themselves.
/// </summary>
internal sealed class GeneratedStateDict(IReadOnlyList<ArchitectureParameter> parameters, double gain, string prefix = "")
    : IReadOnlyDictionary<string, (long[] Shape, float[] Values)>
{
    private readonly Dictionary<string, ArchitectureParameter> entries = parameters.ToDictionary(p => prefix + p.Name, StringComparer.Ordinal);

    public IEnumerable<string> Keys => entries.Keys;

    public IEnumerable<(long[] Shape, float[] Values)> Values => entries.Values.Select(Entry);

    public int Count => entries.Count;

    public (long[] Shape, float[] Values) this[string key] => Entry(entries[key]);

    public static float[] Generate(string name, IReadOnlyList<long> shape, double gain)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        var seed = Fnv1a(name);
        var fanIn = (double)shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        var (offset, factor) =
            name == "input" ? (0, 1)
            : name.EndsWith(".running_var", StringComparison.Ordinal) ? (1, 0.5)
            : name.EndsWith(".running_mean", StringComparison.Ordinal) ? (0, 0.1)
            : name.EndsWith("weight", StringComparison.Ordinal) ? shape.Count > 1 ? (0, gain * Math.Sqrt(6 / fanIn)) : (1, 0.25)
            : name.EndsWith("bias", StringComparison.Ordinal) ? (0, 0.1)
            : (0, 0.5);
        for (var i = 0; i < values.Length; i++)
        {
            var bits = Mix(unchecked(seed + ((ulong)i * 0x9E3779B97F4A7C15))) >> 40;
            values[i] = (float)(offset + (((bits / 8388608.0) - 1) * factor));
        }

        return values;
    }

    public bool ContainsKey(string key) => entries.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out (long[] Shape, float[] Values) value)
    {
        var found = entries.TryGetValue(key, out var entry);
        value = found ? Entry(entry!) : default;
        return found;
    }

    public IEnumerator<KeyValuePair<string, (long[] Shape, float[] Values)>> GetEnumerator() =>
        entries.Select(e => KeyValuePair.Create(e.Key, Entry(e.Value))).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private (long[] Shape, float[] Values) Entry(ArchitectureParameter p) => ([.. p.Shape], Generate(p.Name, p.Shape, gain));

    private static ulong Fnv1a(string name)
    {
        var state = 0xCBF29CE484222325;
        foreach (var value in Encoding.UTF8.GetBytes(name)) state = unchecked((state ^ value) * 0x100000001B3);
        return state;
    }

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
