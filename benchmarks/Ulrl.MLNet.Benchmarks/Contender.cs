namespace Ulrl.MLNet.Benchmarks;

/// <summary>One way to score, with the time of each round.</summary>
internal sealed class Contender(string name, int batch, Func<float[]> pass)
{
    public string Name { get; } = name;

    public int Batch { get; } = batch;

    public Func<float[]> Pass { get; } = pass;

    public List<Timing> Rounds { get; } = [];
}
