using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// A copy of a classifier that perturbs its input, every sample alike. The perturbation is an initializer that can be trained: its gradient is that by the
/// input, summed over the batch. Images can also be warped: the gradient by the field is that by the input times the image's own slope.
/// </summary>
/// <param name="Model">The copy; its perturbation and its field are zero.</param>
/// <param name="Perturbation">Name of what is added to every sample, [1, sample shape].</param>
/// <param name="Field">Names of the field that warps every image, each [1, 1, height, width]: pixels to the right, pixels down. Empty where there is none.</param>
internal sealed record PerturbedInput(OnnxModel Model, string Perturbation, IReadOnlyList<string> Field)
{
    private static readonly (int Right, int Down)[] Slopes = [(1, 0), (0, 1)];

    /// <summary>Copies a model.</summary>
    /// <param name="model">The classifier. It is not changed.</param>
    /// <param name="sampleShape">Dimensions of one sample.</param>
    /// <param name="outputName">Output that holds the logits or probabilities; null for the first.</param>
    /// <param name="warps">Whether it warps, too; only for images [channels, height, width].</param>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input.</exception>
    public static PerturbedInput Of(OnnxModel model, IReadOnlyList<int> sampleShape, string? outputName = null, bool warps = false)
    {
        var input = ModelInterface.Of(model, outputName).InputName;
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var builder = new GraphBuilder(graph);
        var nodes = graph.Node.ToArray();
        graph.Node.Clear();
        var perturbation = Zeros(graph, builder.Fresh("perturbation"), [1, .. sampleShape]);
        string[] field = warps ? [.. Slopes.Select(_ => Zeros(graph, builder.Fresh("field"), [1, 1, sampleShape[1], sampleShape[2]]))] : [];
        var perturbed = builder[input] + builder[perturbation];

        // To first order a field that is near zero changes an image by field · slope.
        for (var i = 0; i < field.Length; i++) perturbed += Slope(builder, builder[input], sampleShape, Slopes[i]) * builder[field[i]];
        foreach (var node in nodes)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i] == input) node.Input[i] = perturbed.Name;
            }
        }

        graph.Node.Add(nodes);
        return new PerturbedInput(copy, perturbation, field);
    }

    // Central differences; the outermost pixels, which lack a neighbour, have none.
    private static Value Slope(GraphBuilder b, Value images, IReadOnlyList<int> shape, (int Right, int Down) step)
    {
        var (channels, height, width) = (shape[0], shape[1], shape[2]);
        var kernel = new float[9];
        kernel[4 + step.Right + (3 * step.Down)] = 0.5f;
        kernel[4 - step.Right - (3 * step.Down)] = -0.5f;
        var inside = new float[height * width];
        for (var y = step.Down; y < height - step.Down; y++) inside.AsSpan(y * width, width)[step.Right..^step.Right].Fill(1f);
        var kernels = b.Floats([.. Enumerable.Repeat(kernel, channels).SelectMany(k => k)], channels, 1, 3, 3);
        var slope = b.Op("Conv", [images, kernels], ("group", (long)channels), ("pads", new long[] { 1, 1, 1, 1 }));
        return slope * b.Floats(inside, 1, 1, height, width);
    }

    private static string Zeros(GraphProto graph, string name, int[] shape)
    {
        var length = checked((int)shape.Aggregate(1L, (product, d) => checked(product * d)));
        graph.Initializer.Add(TensorData.Create(name, [.. shape.Select(d => (long)d)], new float[length]));
        return name;
    }
}
