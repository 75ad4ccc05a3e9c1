namespace Ulrl.Training.Data;

/// <summary>Independent, reproducible random numbers for one purpose and one epoch of a seeded run.</summary>
internal static class RandomStream
{
    /// <summary>Creates the generator; equal arguments give equal numbers.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="purpose">Tells apart uses that must not share numbers.</param>
    /// <param name="epoch">Epoch, 0-based.</param>
    public static Random Create(int seed, int purpose, int epoch)
    {
        var state = Mix((uint)seed);
        state = Mix(state ^ (uint)purpose);
        state = Mix(state ^ (uint)epoch);
        return new Random((int)(state >> 33));
    }

    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbouring seeds become unrelated ones.
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
