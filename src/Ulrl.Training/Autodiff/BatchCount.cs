namespace Ulrl.Training.Autodiff;

/// <summary>
/// Element counts that grow with the batch, taken from the network's input: the size of an inner tensor would keep
/// that tensor in memory until it is asked for.
/// </summary>
/// <param name="b">Builder of the graph.</param>
/// <param name="input">Name of the network's input, batch first.</param>
internal sealed class BatchCount(GraphBuilder b, string input)
{
    private Value samples;

    /// <summary>Elements per channel of a tensor [batch, channels, …], as a float scalar.</summary>
    public Value PerChannel(Value tensor, Dim[] shape)
    {
        var first = shape.Aggregate(1L, (n, d) => n * d.First);
        var second = shape.Aggregate(1L, (n, d) => n * d.Second);
        var channels = shape[1].Size;
        return first * Dim.SecondBatch == second * Dim.FirstBatch
            ? Samples() * ((float)first / Dim.FirstBatch / channels)
            : b.Op("Cast", [b.Op("Size", [tensor])], ("to", 1L)) / channels;
    }

    private Value Samples()
    {
        if (!samples.IsPresent)
        {
            var size = b.Op("Shape", [b[input]], ("start", 0L), ("end", 1L));
            samples = b.Op("Cast", [b.Op("Squeeze", [size])], ("to", 1L));
        }

        return samples;
    }
}
