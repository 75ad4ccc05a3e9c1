namespace Ulrl.Cli.Defense;

/// <summary>
/// Python's <c>random.seed(number)</c> and <c>random.sample(range(n), k)</c> (CPython 3.2 to 3.12), so that a seed picks the
/// clean samples that the published code picks: MT19937 (Matsumoto and Nishimura 1998) seeded by an array.
/// </summary>
internal sealed class PythonRandom
{
    private const int Words = 624;
    private const int Shift = 397;

    private readonly uint[] state = new uint[Words];
    private int next = Words;

    /// <param name="seed">The seed, 0 or more.</param>
    public PythonRandom(int seed)
    {
        unchecked
        {
            state[0] = 19650218;
            for (var i = 1u; i < Words; i++)
                state[i] = (1812433253 * (state[i - 1] ^ (state[i - 1] >> 30))) + i;
            // init_by_array with the one word of the seed.
            for (int k = 0, i = 1; k < Words; k++)
            {
                state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525)) + (uint)seed;
                i = Advance(i);
            }

            for (int k = 1, i = 2; k < Words; k++)
            {
                state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941)) - (uint)i;
                i = Advance(i);
            }

            state[0] = 0x80000000;
        }
    }

    /// <summary>Numbers from 0 to <paramref name="population"/> − 1, none twice, in random order.</summary>
    public int[] Sample(int population, int count)
    {
        var sample = new int[count];
        var setSize = 21.0;
        if (count > 5)
            setSize += Math.Pow(4, Math.Ceiling(Math.Log(count * 3, 4)));
        if (population <= setSize)
        {
            var pool = Enumerable.Range(0, population).ToArray();
            for (var i = 0; i < count; i++)
            {
                var j = Below(population - i);
                sample[i] = pool[j];
                pool[j] = pool[population - i - 1];
            }

            return sample;
        }

        var selected = new HashSet<int>();
        for (var i = 0; i < count; i++)
        {
            do
                sample[i] = Below(population);
            while (!selected.Add(sample[i]));
        }

        return sample;
    }

    private int Advance(int i)
    {
        if (++i < Words)
            return i;
        state[0] = state[Words - 1];
        return 1;
    }

    private int Below(int limit)
    {
        var bits = 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)limit);
        uint value;
        do
            value = Next() >> (32 - bits);
        while (value >= limit);
        return (int)value;
    }

    private uint Next()
    {
        if (next == Words)
            Twist();
        var y = state[next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        for (var i = 0; i < Words; i++)
        {
            var y = (state[i] & 0x80000000) | (state[(i + 1) % Words] & 0x7FFFFFFF);
            state[i] = state[(i + Shift) % Words] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF);
        }

        next = 0;
    }
}
