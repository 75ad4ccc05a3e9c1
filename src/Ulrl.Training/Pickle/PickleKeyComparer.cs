using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Ulrl.Training.Pickle;

/// <summary>
/// Compares keys of dictionaries and sets by value: strings, numbers, truth values, bytes and flat tuples of those.
/// Hashes are seeded per process, so that a file cannot choose keys that collide.
/// </summary>
internal sealed class PickleKeyComparer : IEqualityComparer<object>
{
    private const int MaxTupleItems = 64;

    // Room and time that a key takes by itself.
    private const long BaseCost = 32;

    private PickleKeyComparer()
    {
    }

    /// <summary>The one instance.</summary>
    public static PickleKeyComparer Instance { get; } = new();

    /// <summary>What keeping and comparing a key costs, in bytes; 0 where it cannot be a key.</summary>
    public static long Cost(object? key)
    {
        if (key is not object?[] tuple)
            return ItemCost(key);
        if (tuple.Length > MaxTupleItems)
            return 0;
        var sum = BaseCost;
        foreach (var item in tuple)
        {
            var cost = ItemCost(item);
            if (cost == 0)
                return 0;
            sum += cost;
        }

        return sum;
    }

    /// <inheritdoc/>
    public new bool Equals(object? x, object? y) => (x, y) switch
    {
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (object?[] a, object?[] b) => a.Length == b.Length && a.Zip(b).All(pair => Equals(pair.First, pair.Second)),
        _ => object.Equals(x, y),
    };

    /// <inheritdoc/>
    public int GetHashCode([DisallowNull] object obj)
    {
        var hash = default(HashCode);
        switch (obj)
        {
            case string text:
                return text.GetHashCode(StringComparison.Ordinal);
            case byte[] bytes:
                hash.AddBytes(bytes);
                break;
            case long number:
                hash.Add((int)number);
                hash.Add((int)(number >> 32));
                break;
            case double number:
                var bits = BitConverter.DoubleToInt64Bits(number);
                hash.Add((int)bits);
                hash.Add((int)(bits >> 32));
                break;
            case BigInteger number:
                hash.AddBytes(number.ToByteArray());
                break;
            case object?[] tuple:
                foreach (var item in tuple)
                    hash.Add(GetHashCode(item!));
                break;
            default:
                hash.Add(obj);
                break;
        }

        return hash.ToHashCode();
    }

    private static long ItemCost(object? key) => key switch
    {
        string text => BaseCost + text.Length,
        byte[] bytes => BaseCost + bytes.LongLength,
        long or double or bool => BaseCost,
        BigInteger number => BaseCost + number.GetByteCount(),
        _ => 0,
    };
}
