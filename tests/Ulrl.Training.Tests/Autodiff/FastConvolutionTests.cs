using Microsoft.ML.OnnxRuntime;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Autodiff.Rules;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Purification;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Bilinear convolutions against the runtime's own Conv and ConvTranspose.</summary>
public sealed class FastConvolutionTests
{
    private const int Batch = 3;

    // Channels in, channels out, height, width, kernel, stride, pads: top, left, bottom, right.
    public static TheoryData<int, int, int, int, int, int, int[]> Shapes() => new()
    {
        { 64, 64, 8, 8, 3, 1, [1, 1, 1, 1] },
        { 64, 48, 7, 9, 3, 1, [1, 1, 1, 1] },
        { 40, 64, 13, 6, 3, 1, [1, 1, 1, 1] },
        { 64, 64, 10, 11, 3, 1, [0, 0, 0, 0] },
        { 64, 64, 5, 7, 3, 1, [2, 2, 2, 2] },
        { 64, 64, 8, 8, 3, 1, [0, 1, 2, 0] },
        { 128, 128, 4, 4, 3, 1, [1, 1, 1, 1] },
        { 64, 128, 8, 8, 3, 2, [1, 1, 1, 1] },
        { 128, 96, 15, 7, 3, 2, [1, 1, 1, 1] },
        { 128, 128, 8, 16, 3, 2, [0, 0, 1, 1] },
        { 48, 64, 9, 8, 5, 1, [2, 2, 2, 2] },
        { 128, 128, 9, 9, 2, 1, [0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_bilinear_convolution_and_its_gradients_are_those_of_the_runtime(int channels, int filters, int height, int width, int kernel, int stride, int[] pads)
    {
        var (h, w) = (Size(height, pads[0] + pads[2]), Size(width, pads[1] + pads[3]));
        int Size(int size, int pad) => ((size + pad - kernel) / stride) + 1;
        long[] sides = [.. pads.Select(p => (long)p)];
        var b = new GraphBuilder(new GraphProto { Name = "convolution" });
        var x = b.Input("x", DataType.Float, -1, channels, height, width);
        var weights = b.Input("w", DataType.Float, filters, channels, kernel, kernel);
        var dy = b.Input("dy", DataType.Float, -1, filters, h, w);
        (string, object)[] attributes = [("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }), ("pads", sides)];

        b.Assign("y", "Conv", [x, weights], attributes);
        long[] rest = [height + pads[0] + pads[2] - kernel - ((h - 1) * stride), width + pads[1] + pads[3] - kernel - ((w - 1) * stride)];
        b.Assign("dx", "ConvTranspose", [dy, weights], [.. attributes, ("output_padding", rest)]);

        // With samples as channels the gradient by the weights is a convolution of the input with the output's gradient.
        Value Swapped(Value value) => b.Op("Transpose", [value], ("perm", new long[] { 1, 0, 2, 3 }));
        var full = b.Op("Conv", [Swapped(x), Swapped(dy)], ("dilations", new long[] { stride, stride }), ("pads", sides));
        b.Assign("dw", "Slice", [Swapped(full), b.Ints(0, 0), b.Ints(kernel, kernel), b.Ints(2, 3)]);

        var fast = BilinearConvolution.Find(b.Graph.Node.First(), Shape(-1, channels, height, width), Shape(filters, channels, kernel, kernel), Shape(-1, filters, h, w));
        Assert.NotNull(fast);
        var frequencies = fast.OutputFrequencies(b, dy);
        b.Assign("fast y", "Identity", [fast.Forward(b, x, weights)]);
        b.Assign("fast dx", "Identity", [fast.ByInput(b, frequencies, weights)]);
        b.Assign("fast dw", "Identity", [fast.ByWeight(b, frequencies, x)]);
        string[] names = ["y", "fast y", "dx", "fast dx", "dw", "fast dw"];
        foreach (var name in names) b.Output(name, DataType.Float, -1, -1, -1, -1);

        var random = new Random(5);
        var results = Run(b.Graph, names, [("x", Noise([Batch, channels, height, width])), ("w", Noise([filters, channels, kernel, kernel])), ("dy", Noise([Batch, filters, h, w]))]);
        for (var i = 0; i < names.Length; i += 2) AssertClose(names[i], results[i], results[i + 1], 2e-5);

        (float[] Values, long[] Dims) Noise(long[] dims) =>
            ([.. Enumerable.Range(0, (int)dims.Aggregate(1L, (a, d) => a * d)).Select(_ => (random.NextSingle() * 2f) - 1f)], dims);
    }

    [Theory]
    [InlineData("thin layers", 16, 16, 8, 3, 1, 1, 1)]
    [InlineData("large images with few channels", 32, 32, 64, 3, 1, 1, 1)]
    [InlineData("1×1 kernels", 64, 64, 8, 1, 1, 1, 1)]
    [InlineData("kernels of many points", 64, 64, 8, 7, 1, 1, 1)]
    [InlineData("groups", 64, 64, 8, 3, 1, 2, 1)]
    [InlineData("dilations", 64, 64, 8, 3, 1, 1, 2)]
    public void The_runtimes_own_convolution_is_kept_for(string what, int channels, int filters, int size, int kernel, int stride, int group, int dilation)
    {
        Assert.NotNull(what);
        var pad = kernel / 2 * dilation;
        var node = new NodeProto { OpType = "Conv" };
        node.Set("kernel_shape", new long[] { kernel, kernel });
        node.Set("strides", new long[] { stride, stride });
        node.Set("dilations", new long[] { dilation, dilation });
        node.Set("pads", new long[] { pad, pad, pad, pad });
        node.Set("group", (long)group);
        Assert.Null(BilinearConvolution.Find(node, Shape(-1, channels, size, size), Shape(filters, channels / group, kernel, kernel), Shape(-1, filters, size, size)));
    }

    [Theory]
    [InlineData(12, 3, 1, 1, 4)]
    [InlineData(11, 3, 1, 1, 4)]
    [InlineData(11, 3, 1, 0, 2)]
    [InlineData(10, 3, 2, 1, 4)]
    [InlineData(9, 3, 2, 0, 2)]
    [InlineData(9, 5, 1, 2, 2)]
    [InlineData(13, 5, 2, 2, 2)]
    [InlineData(8, 4, 2, 1, 2)]
    [InlineData(7, 2, 1, 0, 4)]
    public void An_axis_transformed_multiplied_and_transformed_back_is_convolved(int input, int kernel, int stride, int pad, int tile)
    {
        var output = ((input + (2 * pad) - kernel) / stride) + 1;
        var axis = BilinearAxis.Find(input, output, kernel, stride, pad, tile);
        Assert.NotNull(axis);
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, input).Select(_ => (random.NextDouble() * 2) - 1)];
        double[] w = [.. Enumerable.Range(0, kernel).Select(_ => (random.NextDouble() * 2) - 1)];
        for (var o = 0; o < output; o++)
        {
            var direct = Enumerable.Range(0, kernel).Sum(k => (o * stride) + k - pad is var at && at >= 0 && at < input ? x[at] * w[k] : 0);
            var sum = 0.0;
            for (var row = 0; row < axis.Rows; row++)
            {
                var left = Enumerable.Range(0, input).Sum(i => axis.Input[(row * input) + i] * x[i]);
                var right = Enumerable.Range(0, kernel).Sum(k => axis.Kernel[row / axis.Tiles, k] * w[k]);
                sum += axis.Output[(row * output) + o] * left * right;
            }

            Assert.Equal(direct, sum, 1e-5);
        }
    }

    [Fact]
    public void The_fast_training_graph_computes_what_the_one_of_standard_operators_computes()
    {
        var samples = Example.Clean(24);
        var forward = ForwardGraph.Create(Example.Model());
        var probe = Prober.Run(forward, samples.SampleShape);
        var results = new[] { true, false }.Select(portable => TrainingGraph.GradientsOnly(
            forward, probe, new TrainingGraphOptions { Objective = new CrossEntropy(), Mode = NetworkMode.Train, Portable = portable })).ToArray();
        Assert.Contains(results[1].Model.Proto.Graph.Node, n => n.OpType == "FusedMatMul");
        Assert.All(results[0].Model.Proto.Graph.Node, n => Assert.Equal("", n.Domain));

        string[] names = [TrainingGraph.Loss, .. results[0].Parameters.Select(TrainingGraph.Gradient)];
        var computed = results.Select(graph => Run(graph.Model.Proto.Graph, names, [
            (forward.Io.InputName, (samples.Values, [samples.Count, .. samples.SampleShape.Select(d => (long)d)])),
            .. graph.Model.Proto.Graph.Input.Select(i => i.Name).Where(forward.Initializers.ContainsKey)
                .Select(n => (n, (TensorData.ReadFloats(forward.Initializers[n]), forward.Initializers[n].Dims.ToArray())))], [.. samples.Labels.Select(l => (long)l)])).ToArray();
        for (var i = 0; i < names.Length; i++) AssertClose(names[i], computed[0][i], computed[1][i], i == 0 ? 1e-5 : 1e-3);
    }

    private static float[][] Run(GraphProto graph, string[] outputs, (string Name, (float[] Values, long[] Dims) Tensor)[] inputs, long[]? labels = null)
    {
        var proto = new ModelProto { IrVersion = 8, Graph = graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Version = OpsetUpgrade.Target });
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        using var session = OrtSessions.Open(new OnnxModel(proto).ToBytes(), Device.Cpu, 1);
        using var options = new RunOptions();
        var values = inputs.ToDictionary(i => i.Name, i => OrtValue.CreateTensorValueFromMemory(i.Tensor.Values, i.Tensor.Dims));
        if (labels is not null) values[TrainingGraph.Labels] = OrtValue.CreateTensorValueFromMemory(labels, [labels.Length]);
        using var results = session.Run(options, values, outputs);
        foreach (var value in values.Values) value.Dispose();
        return [.. results.Select(r => r.GetTensorDataAsSpan<float>().ToArray())];
    }

    private static void AssertClose(string name, float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max(Math.Abs);
        var apart = expected.Zip(actual, (a, b) => Math.Abs((double)a - b)).Max();
        Assert.True(apart <= tolerance * largest, $"{name}: {apart:e2} apart, {largest:e2} the largest entry.");
    }

    private static Dim[] Shape(params long[] sizes) => [.. sizes.Select(s => s < 0 ? new Dim(Dim.FirstBatch, Dim.SecondBatch) : new Dim(s, s))];
}
