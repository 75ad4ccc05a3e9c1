using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// A two-dimensional convolution and both of its gradients by a bilinear algorithm (<see cref="BilinearAxis"/>): the
/// input, the weights and the output's gradient are transformed by products with constant matrices, multiplied
/// frequency by frequency, and transformed back. Tensors keep the layout [batch, channels, height, width]; the
/// transposes ride on the matrix products.
/// </summary>
internal sealed class BilinearConvolution
{
    // What a multiplication costs here beside one in the runtime's own convolution, measured over shapes.
    private const double Advantage = 0.9;

    // Below this much of both channels the products are too thin.
    private const long FewestChannels = 32;

    // Cost of one transformed weight per sample, beside a multiplication.
    private const double WeightShare = 0.35;

    private static readonly int[] TileSizes = [4, 2];

    private readonly BilinearAxis height;
    private readonly BilinearAxis width;
    private readonly long[] input;
    private readonly long[] output;
    private readonly long[] weight;

    private BilinearConvolution(BilinearAxis height, BilinearAxis width, long[] input, long[] output, long[] weight)
    {
        this.height = height;
        this.width = width;
        this.input = input;
        this.output = output;
        this.weight = weight;
    }

    /// <summary>The fast form of a Conv node, or null where the runtime's own convolution is faster.</summary>
    /// <param name="node">The node.</param>
    /// <param name="x">Shape of its input.</param>
    /// <param name="w">Shape of its weights.</param>
    /// <param name="y">Shape of its output.</param>
    public static BilinearConvolution? Find(NodeProto node, Dim[] x, Dim[] w, Dim[] y)
    {
        if (node.OpType != "Conv" || !node.IsStandard() || x.Length != 4 || node.Int("group", 1) != 1) return null;
        if (!x[1..].All(d => d.IsFixed) || !w.All(d => d.IsFixed) || !y[1..].All(d => d.IsFixed)) return null;
        var (input, output, weight) = (Sizes(x[1..]), Sizes(y[1..]), Sizes(w));
        if (Math.Min(weight[0], weight[1]) < FewestChannels) return null;
        var window = Window.Of(node, weight[2..], input[1..], output[1..]);
        return window.Dilations.All(d => d == 1) && window.Kernel.All(k => k > 1) ? Cheapest(window, input, output, weight) : null;
    }

    /// <summary>The convolution.</summary>
    public Value Forward(GraphBuilder b, Value x, Value w) =>
        FromFrequencies(b, Product(b, InputFrequencies(b, x), KernelFrequencies(b, w, x), transA: false, transB: true), forInput: false);

    /// <summary>Gradient by the input from <see cref="OutputFrequencies"/> of the output's gradient.</summary>
    public Value ByInput(GraphBuilder b, Value dyFrequencies, Value w) =>
        FromFrequencies(b, b.Op("MatMul", [dyFrequencies, KernelFrequencies(b, w, dyFrequencies)]), forInput: true);

    /// <summary>Gradient by the weights from <see cref="OutputFrequencies"/> of the output's gradient.</summary>
    public Value ByWeight(GraphBuilder b, Value dyFrequencies, Value x)
    {
        var product = Product(b, dyFrequencies, InputFrequencies(b, x), transA: true, transB: false);
        if (width.Tiles > 1) product = b.Op("ReduceSum", [product, b.Ints(1)], ("keepdims", 0L));
        var frequencies = b.Op("Reshape", [product, b.Ints(width.Frequencies * height.Frequencies, weight[0] * weight[1])]);
        return b.Op("Reshape", [Product(b, frequencies, KernelTransform(b), transA: true, transB: false), b.Ints(weight)]);
    }

    /// <summary>The output's gradient by frequency, [frequencies, tiles, frequencies, tiles × batch, output channels].</summary>
    public Value OutputFrequencies(GraphBuilder b, Value dy) => ToFrequencies(b, dy, output, forInput: false);

    private Value InputFrequencies(GraphBuilder b, Value x) => ToFrequencies(b, x, input, forInput: true);

    // Width first; each product turns the transformed axis to the front, so that channels end up last.
    private Value ToFrequencies(GraphBuilder b, Value value, long[] shape, bool forInput)
    {
        var rows = Product(b, Transform(b, width, forInput), b.Op("Reshape", [value, b.Ints(-1, shape[2])]), transA: false, transB: true);
        var columns = b.Op("Reshape", [rows, b.Ints(width.Rows, -1, shape[1])]);
        var both = Product(b, Transform(b, height, forInput), columns, transA: false, transB: true);
        return b.Op("Reshape", [both, b.Ints(width.Frequencies, width.Tiles, height.Frequencies, -1, shape[0])]);
    }

    private Value FromFrequencies(GraphBuilder b, Value value, bool forInput)
    {
        var shape = forInput ? input : output;
        var both = b.Op("Reshape", [value, b.Ints(width.Rows, height.Rows, -1)]);
        var rows = Product(b, both, Transform(b, height, forInput), transA: true, transB: false);
        var columns = b.Op("Reshape", [rows, b.Ints(width.Rows, -1)]);
        return b.Op("Reshape", [Product(b, columns, Transform(b, width, forInput), transA: true, transB: false), b.Ints([-1, .. shape])]);
    }

    // The weights need nothing else, so the runtime would transform those of every layer before the first one runs and
    // hold them all. Their shape is made to depend on the activations instead.
    private Value KernelFrequencies(GraphBuilder b, Value w, Value after)
    {
        var zero = b.Op("Mul", [b.Op("Size", [after]), b.Scalar(0L)]);
        var flat = b.Op("Reshape", [w, b.Op("Add", [b.Ints(weight[0] * weight[1], weight[2] * weight[3]), zero])]);
        var frequencies = Product(b, KernelTransform(b), flat, transA: false, transB: true);
        return b.Op("Reshape", [frequencies, b.Ints(width.Frequencies, 1, height.Frequencies, weight[0], weight[1])]);
    }

    // A constant of its own for every use: the runtime would otherwise see that the backward pass repeats work of the
    // forward pass and keep the transformed tensors, 2.25 times the size of the activations, from one to the other.
    private static Value Transform(GraphBuilder b, BilinearAxis axis, bool forInput)
    {
        var matrix = forInput ? axis.Input : axis.Output;
        return b.Floats(matrix, axis.Rows, matrix.Length / axis.Rows);
    }

    private Value KernelTransform(GraphBuilder b)
    {
        var values = new float[width.Frequencies * height.Frequencies * weight[2] * weight[3]];
        var n = 0;
        for (var v = 0; v < width.Frequencies; v++)
        {
            for (var u = 0; u < height.Frequencies; u++)
            {
                for (var i = 0; i < weight[2]; i++)
                {
                    for (var j = 0; j < weight[3]; j++) values[n++] = (float)(height.Kernel[u, i] * width.Kernel[v, j]);
                }
            }
        }

        return b.Floats(values, width.Frequencies * height.Frequencies, weight[2] * weight[3]);
    }

    private static Value Product(GraphBuilder b, Value left, Value right, bool transA, bool transB) =>
        b.ContribOp("FusedMatMul", [left, right], ("transA", transA), ("transB", transB));

    private static BilinearConvolution? Cheapest(Window window, long[] input, long[] output, long[] weight)
    {
        var bound = Advantage * output.Aggregate((double)weight[1] * window.Taps, (n, size) => n * size);
        BilinearConvolution? best = null;
        foreach (var tile in TileSizes)
        {
            if (Axis(0) is not { } height || Axis(1) is not { } width) continue;
            var candidate = new BilinearConvolution(height, width, input, output, weight);
            if (candidate.Multiplications() is var cost && cost >= bound) continue;
            (best, bound) = (candidate, cost);

            BilinearAxis? Axis(int i) => BilinearAxis.Find(
                (int)input[i + 1], (int)output[i + 1], (int)window.Kernel[i], (int)window.Strides[i], (int)window.PadsBegin[i], tile);
        }

        return best;
    }

    // Per sample, of the forward pass; the weights' own transforms are shared by the samples of a batch.
    private double Multiplications()
    {
        double Transforms(long[] shape) => shape[0] * width.Rows * (((double)shape[1] * shape[2]) + ((double)shape[1] * height.Rows));
        var products = (double)width.Rows * height.Rows;
        var weights = WeightShare * width.Frequencies * height.Frequencies;
        return Transforms(input) + Transforms(output) + ((products + weights) * weight[0] * weight[1]);
    }

    private static long[] Sizes(Dim[] shape) => [.. shape.Select(d => d.Size)];
}
