namespace Ulrl.Training.Autodiff;

/// <summary>Rows of the classifier layer's weight that a step leaves as they are.</summary>
/// <param name="Weight">Name of the weight.</param>
/// <param name="ClassAxis">Its dimension of classes.</param>
/// <param name="Neurons">The rows.</param>
internal sealed record FrozenRows(string Weight, int ClassAxis, IReadOnlyList<int> Neurons)
{
    /// <summary>The gradient of the weight with zeros in these rows.</summary>
    public Value Apply(GraphBuilder b, Value gradient, IReadOnlyList<long> dims)
    {
        var (values, shape) = Mask(dims);
        return gradient * b.Floats(values, shape);
    }

    /// <summary>Zeros for these rows and ones for the others, in a shape that broadcasts to the weight's.</summary>
    public (float[] Values, long[] Shape) Mask(IReadOnlyList<long> dims)
    {
        var mask = new float[dims[ClassAxis]];
        Array.Fill(mask, 1f);
        foreach (var neuron in Neurons) mask[neuron] = 0f;
        var shape = new long[dims.Count];
        Array.Fill(shape, 1L);
        shape[ClassAxis] = mask.Length;
        return (mask, shape);
    }
}
