using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Runtime;

/// <summary>
/// Weights taken out of a graph that is run only to look at it, and given to it as inputs: serialised with the graph
/// they would be copied three times.
/// </summary>
internal sealed class ProbedWeights : IDisposable
{
    private readonly List<PinnedTensor> pinned = [];

    /// <param name="graph">The graph; its weights become inputs.</param>
    /// <param name="trainable">Names of the initializers that are weights.</param>
    public ProbedWeights(GraphProto graph, IEnumerable<string> trainable)
    {
        var wanted = trainable.ToHashSet(StringComparer.Ordinal);
        var taken = graph.Initializer.Where(t => wanted.Contains(t.Name) && PinnedTensor.Fits(t)).ToArray();
        Names = [.. taken.Select(t => t.Name)];
        wanted.IntersectWith(Names);
        var kept = graph.Initializer.Where(t => !wanted.Contains(t.Name)).ToArray();
        graph.Initializer.Clear();
        graph.Initializer.AddRange(kept);
        foreach (var tensor in taken)
        {
            graph.Input.Add(GraphBuilder.ValueInfo(tensor.Name, DataType.Float, [.. tensor.Dims]));
            pinned.Add(new PinnedTensor(tensor));
        }
    }

    public IReadOnlyList<string> Names { get; }

    public IEnumerable<OrtValue> Values => pinned.Select(p => p.Value);

    public void Dispose() => pinned.ForEach(p => p.Dispose());
}
