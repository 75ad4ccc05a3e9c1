using Ulrl.Cli.Defense;

namespace Ulrl.Cli.Tests.Defense;

/// <summary>Beside CPython: random.seed(s); random.sample(range(n), k).</summary>
public class PythonRandomTests
{
    [Theory]
    [InlineData(0, 50000, 500, new[] { 25247, 49673, 27562, 2653, 16968 }, 12301000)]
    [InlineData(0, 150, 60, new[] { 98, 107, 10, 66, 130 }, 4441)]
    [InlineData(1, 60000, 600, new[] { 8805, 37303, 55537, 52577, 50054 }, 17931999)]
    [InlineData(123456789, 10, 10, new[] { 7, 8, 6, 2, 5 }, 45)]
    [InlineData(2147483647, 39209, 392, new[] { 20824, 7888, 12867, 19029, 21775 }, 7202823)]
    [InlineData(7, 30, 3, new[] { 10, 4, 12 }, 26)]
    public void Samples_are_those_of_Python(int seed, int population, int count, int[] first, int sum)
    {
        var sample = new PythonRandom(seed).Sample(population, count);
        Assert.Equal(first, sample[..first.Length]);
        Assert.Equal(sum, sample.Sum());
        Assert.Equal(count, sample.Distinct().Count());
    }
}
