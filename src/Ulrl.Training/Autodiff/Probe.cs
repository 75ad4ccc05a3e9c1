namespace Ulrl.Training.Autodiff;

/// <summary>
/// What probing runs of the forward graph on the real runtime showed: the shape of every tensor and the values
/// of the small integer or scalar tensors that steer shape operators (axes, pads, sizes, bounds).
/// </summary>
internal sealed class Probe
{
    private readonly IReadOnlyDictionary<string, Dim[]> shapes;
    private readonly IReadOnlyDictionary<string, (double[] First, double[] Second)> values;

    public Probe(IReadOnlyDictionary<string, Dim[]> shapes, IReadOnlyDictionary<string, (double[] First, double[] Second)> values)
    {
        this.shapes = shapes;
        this.values = values;
    }

    public Dim[] Shape(string tensor) => shapes.TryGetValue(tensor, out var shape)
        ? shape
        : throw new InvalidModelException($"tensor '{tensor}': its shape could not be found by running the model.");

    /// <summary>Values of a steering input, or null where they change with the batch.</summary>
    public double[]? Values(string tensor) =>
        values.TryGetValue(tensor, out var pair) && pair.First.AsSpan().SequenceEqual(pair.Second) ? pair.First : null;
}
