namespace Ulrl.Training.Autodiff;

/// <summary>
/// The relearning objective: cross-entropy plus α times the sum over the suspicious neurons of the cosine between
/// the neuron's weights and its weights in the given model (ULRL, arXiv 2405.14781, relearning phase).
/// </summary>
/// <param name="Weight">Name of the classifier layer's weight.</param>
/// <param name="ClassAxis">Its dimension of classes, 0 or 1.</param>
/// <param name="Original">The weight in the given model, in the parameter's own layout.</param>
/// <param name="Neurons">The suspicious neurons.</param>
/// <param name="Alpha">Weight α of the cosine term.</param>
internal sealed record Alignment(string Weight, int ClassAxis, float[] Original, IReadOnlyList<int> Neurons, float Alpha) : IObjective
{
    // The lower bound of torch.nn.functional.cosine_similarity.
    private const float SmallestNorm = 1e-8f;

    public ObjectiveTerms Emit(ObjectiveContext context)
    {
        var (crossEntropy, gradient) = CrossEntropy.Mean(context);
        if (Neurons.Count == 0 || Alpha == 0f)
        {
            return new ObjectiveTerms(crossEntropy, crossEntropy, gradient, new Dictionary<string, Value>());
        }

        var b = context.B;
        var shape = context.ParameterShape(Weight);
        long[] matrix = ClassAxis == 0 ? [shape[0], -1] : [-1, shape[1]];
        var w = b.Op("Reshape", [context.Parameter(Weight), b.Ints(matrix)]);
        var w0 = b.Op("Reshape", [b.Floats(Original, shape), b.Ints(matrix)]);
        var mask = new float[context.Classes];
        foreach (var neuron in Neurons) mask[neuron] = Alpha;
        var alpha = ClassAxis == 0 ? b.Floats(mask, context.Classes, 1) : b.Floats(mask, 1, context.Classes);

        Value PerNeuron(Value v) => b.Op("ReduceSum", [v, b.Ints(1 - ClassAxis)], ("keepdims", 1L));
        var norm2 = PerNeuron(w * w);
        var norms = b.Op("Max", [b.Op("Sqrt", [norm2]) * b.Op("Sqrt", [PerNeuron(w0 * w0)]), b.Scalar(SmallestNorm)]);
        var cosine = PerNeuron(w * w0) / norms;
        var term = b.Op("ReduceSum", [cosine * alpha], ("keepdims", 0L));
        var slope = alpha * ((w0 / norms) - (cosine * w / b.Op("Max", [norm2, b.Scalar(SmallestNorm * SmallestNorm)])));
        var slopes = new Dictionary<string, Value>(StringComparer.Ordinal) { [Weight] = b.Op("Reshape", [slope, b.Ints(shape)]) };
        return new ObjectiveTerms(crossEntropy + term, crossEntropy, gradient, slopes);
    }
}
