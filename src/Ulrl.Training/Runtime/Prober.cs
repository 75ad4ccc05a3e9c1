using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Runtime;

/// <summary>Runs the forward graph twice, with two and three samples of zeros, and notes shapes and steering values.</summary>
internal static class Prober
{
    // Inputs that gradient rules read as numbers: operator -> positions.
    private static readonly Dictionary<string, int[]> Steering = new(StringComparer.Ordinal)
    {
        ["Pad"] = [1, 3],
        ["Resize"] = [2, 3],
        ["Slice"] = [1, 2, 3, 4],
        ["Tile"] = [1],
    };

    // A model that takes more samples than this at once is no classifier to train on a few.
    private const long LargestFixedBatch = 4096;

    /// <summary>Probes a graph. One that repeats the batch size it was exported with is freed of it first.</summary>
    public static Probe Run(ForwardGraph forward, IReadOnlyList<int> sampleShape)
    {
        if (forward.RepeatsBatch) FreeBatch(forward, sampleShape);
        var graph = forward.Graph.Clone();
        var builder = new GraphBuilder(graph);
        var shapes = new List<string>();
        var values = new List<string>();
        foreach (var node in forward.Graph.Node)
        {
            shapes.AddRange(node.Output.Where(o => o.Length > 0));
            var positions = node.OpType.StartsWith("Reduce", StringComparison.Ordinal) ? [1] : Steering.GetValueOrDefault(node.OpType, []);
            values.AddRange(positions.Where(p => p < node.Input.Count && node.Input[p].Length > 0).Select(p => node.Input[p]));
        }

        values = [.. values.Distinct()];
        AddShapes(builder, shapes);
        foreach (var name in values)
        {
            var flat = builder.Op("Reshape", [builder[name], builder.Ints(-1)]);
            builder.Assign("value:" + name, "Cast", [flat], ("to", (long)DataType.Double));
            builder.Output("value:" + name, DataType.Double, -1);
        }

        var found = Collect(forward, graph, sampleShape, shapes, values);
        foreach (var (name, tensor) in forward.Initializers) found.Shapes[name] = [.. tensor.Dims.Select(d => new Dim(d, d))];
        found.Shapes[forward.Io.InputName] = [new Dim(Dim.FirstBatch, Dim.SecondBatch), .. sampleShape.Select(d => new Dim(d, d))];
        return new Probe(found.Shapes, found.Values);
    }

    private static void AddShapes(GraphBuilder builder, List<string> tensors)
    {
        foreach (var name in tensors)
        {
            builder.Assign("shape:" + name, "Shape", [builder[name]]);
            builder.Output("shape:" + name, DataType.Int64, -1);
        }
    }

    private static void FreeBatch(ForwardGraph forward, IReadOnlyList<int> sampleShape)
    {
        var batch = forward.Io.FixedBatch ?? 1;
        if (batch > LargestFixedBatch) throw new InvalidModelException($"input '{forward.Io.InputName}' takes {batch} samples at once, at most {LargestFixedBatch} are supported; export the model with a dynamic batch dimension.");
        var graph = forward.Graph.Clone();
        var tensors = forward.Graph.Node.SelectMany(n => n.Output).Where(o => o.Length > 0).ToList();
        AddShapes(new GraphBuilder(graph), tensors);
        try
        {
            using var weights = new ProbedWeights(graph, forward.Trainable);
            using var session = OrtSessions.Open(forward.ToModel(graph).ToBytes(), Device.Cpu, 0, optimise: false);
            using var results = RunOnce(session, weights, forward.Io.InputName, sampleShape, (int)batch);
            var shapes = tensors.Zip(results).ToDictionary(p => p.First, p => p.Second.GetTensorDataAsSpan<long>().ToArray(), StringComparer.Ordinal);
            foreach (var (name, tensor) in forward.Initializers) shapes[name] = [.. tensor.Dims];
            shapes[forward.Io.InputName] = [batch, .. sampleShape.Select(d => (long)d)];
            forward.FreeBatch(shapes);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidModelException($"the model cannot be run ({OrtSessions.FirstLine(e.Message)}).", e);
        }
    }

    private static (Dictionary<string, Dim[]> Shapes, Dictionary<string, (double[] First, double[] Second)> Values) Collect(
        ForwardGraph forward, GraphProto graph, IReadOnlyList<int> sampleShape, List<string> shapes, List<string> values)
    {
        try
        {
            using var weights = new ProbedWeights(graph, forward.Trainable);
            using var session = OrtSessions.Open(forward.ToModel(graph).ToBytes(), Device.Cpu, 0, optimise: false);
            using var first = RunOnce(session, weights, forward.Io.InputName, sampleShape, Dim.FirstBatch);
            using var second = RunOnce(session, weights, forward.Io.InputName, sampleShape, Dim.SecondBatch);
            var found = (new Dictionary<string, Dim[]>(StringComparer.Ordinal), new Dictionary<string, (double[], double[])>(StringComparer.Ordinal));
            for (var i = 0; i < shapes.Count; i++)
            {
                found.Item1[shapes[i]] = Dims(shapes[i], first[i].GetTensorDataAsSpan<long>(), second[i].GetTensorDataAsSpan<long>());
            }

            for (var i = 0; i < values.Count; i++)
            {
                var at = shapes.Count + i;
                found.Item2[values[i]] = (first[at].GetTensorDataAsSpan<double>().ToArray(), second[at].GetTensorDataAsSpan<double>().ToArray());
            }

            return found;
        }
        catch (OnnxRuntimeException e)
        {
            var batch = forward.Io.FixedBatch is { } size ? $" with another batch size than the {size} it was exported with; export it with a dynamic batch dimension" : " on its training form";
            throw new InvalidModelException($"the model cannot be run{batch} ({OrtSessions.FirstLine(e.Message)}).", e);
        }
    }

    private static Dim[] Dims(string tensor, ReadOnlySpan<long> first, ReadOnlySpan<long> second)
    {
        if (first.Length != second.Length) throw new InvalidModelException($"tensor '{tensor}': its number of dimensions changes with the batch size.");
        var dims = new Dim[first.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = new Dim(first[i], second[i]);
        return dims;
    }

    private static IDisposableReadOnlyCollection<OrtValue> RunOnce(
        InferenceSession session, ProbedWeights weights, string input, IReadOnlyList<int> sampleShape, int batch)
    {
        long[] shape = [batch, .. sampleShape.Select(d => (long)d)];
        var zeros = new float[checked((int)shape.Aggregate(1L, (a, b) => checked(a * b)))];
        using var value = OrtValue.CreateTensorValueFromMemory(zeros, shape);
        using var options = new RunOptions();
        return session.Run(options, [input, .. weights.Names], [value, .. weights.Values], session.OutputNames);
    }
}
