using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>Compares the gradients of a case's network with central differences of the loss that the runtime computes on the network itself.</summary>
internal static class GradientCheck
{
    private const int Batch = 4;
    private const float Step = 4e-3f;
    private const double Tolerance = 5e-3;

    public static void Run(GradientCase tested)
    {
        var (graph, model) = Network(tested.Opset, tested.Build);
        var samples = graph.Samples(Batch);
        long[] labels = [0, 1, 2, 1];
        int[] shape = [graph.InputSize];

        var forward = ForwardGraph.Create(model);
        var probe = Prober.Run(forward, shape);
        var expected = Differences(tested, model, graph.Parameters, samples, labels);
        byte[]? first = null;
        foreach (var portable in new[] { false, true })
        {
            var training = TrainingGraph.GradientsOnly(forward, probe, new TrainingGraphOptions
            {
                Objective = new CrossEntropy(),
                Mode = tested.Mode,
                Portable = portable,
                Trains = graph.Parameters.Contains,
            });
            var bytes = training.Model.ToBytes();
            if (first is not null && first.AsSpan().SequenceEqual(bytes)) continue;
            first = bytes;
            Compare(tested, expected, Gradients(training, bytes, forward, samples, shape, labels));
        }
    }

    /// <summary>A network of the operator under test at its opset.</summary>
    public static (CaseGraph Graph, OnnxModel Model) Network(long opset, Func<CaseGraph, Value[]> build)
    {
        var graph = new CaseGraph(opset, 7);
        var results = build(graph);
        using var session = OrtSessions.Open(graph.Unfinished(results).ToBytes(), Device.Cpu, 1);
        var few = Shapes(session, graph, CaseGraph.Few, results);
        var more = Shapes(session, graph, CaseGraph.More, results);
        return (graph, graph.Finish([.. results.Select((r, i) => (r, few[i], more[i]))]));
    }

    private static long[][] Shapes(InferenceSession session, CaseGraph graph, int batch, Value[] results)
    {
        using var options = new RunOptions();
        using var x = OrtValue.CreateTensorValueFromMemory(graph.Samples(batch), [batch, graph.InputSize]);
        using var found = session.Run(options, [CaseGraph.Input], [x], [.. results.Select(r => r.Name)]);
        return [.. found.Select(v => v.GetTensorTypeAndShape().Shape)];
    }

    private static Dictionary<string, double[]> Differences(GradientCase tested, OnnxModel model, List<string> parameters, float[] samples, long[] labels)
    {
        if (tested.Reference is { } reference) model = Network(18, reference).Model;
        using var loss = new LossFunction(model, parameters, samples, labels);
        return parameters.ToDictionary(p => p, p => loss.Differences(p, Step), StringComparer.Ordinal);
    }

    private static Dictionary<string, float[]> Gradients(TrainingGraph training, byte[] bytes, ForwardGraph forward, float[] samples, int[] shape, long[] labels)
    {
        using var session = OrtSessions.Open(bytes, Device.Cpu, 1);
        var inputs = session.InputNames.ToDictionary(name => name, name => name switch
        {
            CaseGraph.Input => OrtValue.CreateTensorValueFromMemory(samples, [labels.Length, .. shape.Select(d => (long)d)]),
            TrainingGraph.Labels => OrtValue.CreateTensorValueFromMemory(labels, [labels.Length]),
            _ => OrtValue.CreateTensorValueFromMemory(TensorData.ReadFloats(forward.Initializers[name]), [.. forward.Initializers[name].Dims]),
        });
        try
        {
            using var options = new RunOptions();
            using var results = session.Run(options, inputs, [.. training.Parameters.Select(TrainingGraph.Gradient)]);
            foreach (var (name, result) in training.Parameters.Zip(results))
            {
                Assert.Equal(forward.Initializers[name].Dims, result.GetTensorTypeAndShape().Shape);
            }

            return training.Parameters.Zip(results).ToDictionary(p => p.First, p => p.Second.GetTensorDataAsSpan<float>().ToArray());
        }
        finally
        {
            foreach (var value in inputs.Values) value.Dispose();
        }
    }

    private static void Compare(GradientCase tested, Dictionary<string, double[]> expected, Dictionary<string, float[]> found)
    {
        foreach (var (name, differences) in expected)
        {
            var largest = differences.Max(Math.Abs);
            if (tested.Zero.Contains(name))
            {
                if (found.TryGetValue(name, out var none)) Assert.All(none, v => Assert.Equal(0f, v, 1e-6f));
                continue;
            }

            Assert.True(found.ContainsKey(name), $"{tested.Name}: no gradient by {name}.");
            Assert.True(largest > 1e-3, $"{tested.Name}: the gradient by {name} is too small ({largest:E1}) for the case to say anything.");
            for (var i = 0; i < differences.Length; i++)
            {
                var error = Math.Abs(differences[i] - found[name][i]) / largest;
                Assert.True(error <= Tolerance, $"{tested.Name}: gradient by {name}[{i}] is {found[name][i]:E4}, the difference quotient {differences[i]:E4} (largest {largest:E4}).\n  gradient {string.Join(' ', found[name].Take(12).Select(v => v.ToString("F4")))}\n  expected {string.Join(' ', differences.Take(12).Select(v => v.ToString("F4")))}");
            }
        }
    }
}
