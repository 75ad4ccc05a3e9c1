using Ulrl.Training.Onnx;

namespace Ulrl.Training.Autodiff;

/// <summary>
/// A copy of a classifier that adds a perturbation to its input, the same one to every sample. The perturbation is an initializer that can be
/// trained: its gradient is that by the input, summed over the batch.
/// </summary>
/// <param name="Model">The copy; its perturbation is zero.</param>
/// <param name="Perturbation">Name of the perturbation, [1, sample shape].</param>
internal sealed record PerturbedInput(OnnxModel Model, string Perturbation)
{
    /// <summary>Copies a model.</summary>
    /// <param name="model">The classifier. It is not changed.</param>
    /// <param name="sampleShape">Dimensions of one sample.</param>
    /// <param name="outputName">Output that holds the logits or probabilities; null for the first.</param>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input.</exception>
    public static PerturbedInput Of(OnnxModel model, IReadOnlyList<int> sampleShape, string? outputName = null)
    {
        var input = ModelInterface.Of(model, outputName).InputName;
        var copy = model.Clone();
        var graph = copy.Proto.Graph;
        var names = new GraphBuilder(graph);
        var (perturbation, perturbed) = (names.Fresh("perturbation"), names.Fresh("perturbed"));
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i] == input) node.Input[i] = perturbed;
            }
        }

        var add = GraphBuilder.Node("", "Add", [], []);
        add.Input.Add([input, perturbation]);
        add.Output.Add(perturbed);
        graph.Node.Insert(0, add);
        var length = checked((int)sampleShape.Aggregate(1L, (product, d) => checked(product * d)));
        graph.Initializer.Add(TensorData.Create(perturbation, [1, .. sampleShape.Select(d => (long)d)], new float[length]));
        return new PerturbedInput(copy, perturbation);
    }
}
