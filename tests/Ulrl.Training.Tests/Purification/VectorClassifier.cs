using System.Numerics.Tensors;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Purification;

/// <summary>A clean classifier of vectors: the nearest of several random centres, by a hidden layer that keeps both signs, and samples about the centres.</summary>
internal static class VectorClassifier
{
    private const int Features = 16;

    public static (OnnxModel Model, LabeledSamples Samples) Create(int classes, int samplesPerClass)
    {
        var random = new Random(5);
        float Uniform() => (random.NextSingle() * 2) - 1;
        var centres = Enumerable.Range(0, classes).Select(_ => Enumerable.Range(0, Features).Select(_ => Uniform()).ToArray()).ToArray();
        var labels = Enumerable.Range(0, classes * samplesPerClass).Select(i => i % classes).ToArray();
        var values = labels.SelectMany(c => centres[c].Select(v => v + (0.2f * Uniform()))).ToArray();
        return (Model(centres), new LabeledSamples(values, [Features], labels));
    }

    private static OnnxModel Model(float[][] centres)
    {
        var proto = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "nearest" } };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 18 });
        var graph = new GraphBuilder(proto.Graph);
        var both = new float[2 * Features * Features];
        for (var i = 0; i < Features; i++) (both[2 * i * Features + i], both[((2 * i) + 1) * Features + i]) = (1f, -1f);
        var input = graph.Input("x", DataType.Float, -1, Features);
        var hidden = graph.Op("Relu", [graph.Op("Gemm", [input, graph.Floats(both, 2 * Features, Features), graph.Floats(new float[2 * Features], 2 * Features)], ("transB", 1L))]);
        var rows = graph.Floats([.. centres.SelectMany(c => c.SelectMany(v => new[] { 4 * v, -4 * v }))], centres.Length, 2 * Features);
        var biases = graph.Floats([.. centres.Select(c => -2 * TensorPrimitives.SumOfSquares<float>(c))], centres.Length);
        graph.Assign("logits", "Gemm", [hidden, rows, biases], ("transB", 1L));
        graph.Output("logits", DataType.Float, -1, centres.Length);
        return new OnnxModel(proto);
    }
}
