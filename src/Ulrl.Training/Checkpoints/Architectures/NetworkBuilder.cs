using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>
/// Writes a network layer by layer, in the vocabulary and with the defaults of <c>torch.nn</c>. A layer with weights
/// has the name of the PyTorch module; its weights are that name followed by <c>.weight</c>, <c>.bias</c> and so on.
/// </summary>
public sealed partial class NetworkBuilder
{
    private readonly string network;
    private readonly GraphBuilder builder;
    private readonly List<ArchitectureParameter> parameters = [];
    private readonly Dictionary<string, string> aliases = new(StringComparer.Ordinal);

    internal NetworkBuilder(string network, IReadOnlyList<int> inputShape)
    {
        this.network = network;
        Graph = new GraphProto { Name = network };
        builder = new GraphBuilder(Graph);
        long[] shape = [.. inputShape.Select(d => (long)d)];
        Input = new FeatureMap(builder.Input("input", DataType.Float, [-1, .. shape]), shape);
        Graph.Input[0].Type.TensorType.Shape.Dim[0].DimParam = "batch";
    }

    internal GraphProto Graph { get; }

    internal FeatureMap Input { get; }

    /// <summary>Opset of the operators used so far.</summary>
    internal int Opset { get; private set; } = 18;

    internal IReadOnlyList<ArchitectureParameter> Parameters => parameters;

    /// <summary>Older names of parameters, by their name.</summary>
    internal IReadOnlyDictionary<string, string> Aliases => aliases;

    /// <summary><c>torch.nn.Conv2d</c>: weight [outChannels, channels / groups, kernel, kernel], bias [outChannels].</summary>
    /// <param name="x">Images [channels, height, width].</param>
    /// <param name="name">Name of the module.</param>
    /// <param name="outChannels">Number of filters.</param>
    /// <param name="kernel">Height and width of a filter.</param>
    /// <param name="stride">Step in both directions.</param>
    /// <param name="padding">Zeros on each side.</param>
    /// <param name="groups">Groups of channels that do not mix; as many as channels for a depthwise convolution.</param>
    /// <param name="bias">Whether there is a bias.</param>
    /// <exception cref="ArchitectureException">The images are smaller than the filter.</exception>
    public FeatureMap Conv(FeatureMap x, string name, int outChannels, int kernel, int stride = 1, int padding = 0, int groups = 1, bool bias = true)
    {
        var shape = Windows(x, name, outChannels, kernel, stride, padding);
        var weight = Parameter($"{name}.weight", outChannels, x.Channels / groups, kernel, kernel);
        var offset = bias ? Parameter($"{name}.bias", outChannels) : default;
        return Layer(name, shape, "Conv", [x.Value, weight, offset],
            ("kernel_shape", Square(kernel)), ("strides", Square(stride)), ("pads", Pads(padding)), ("group", groups));
    }

    /// <summary><c>torch.nn.BatchNorm2d</c>: weight, bias, running_mean and running_var, each [channels].</summary>
    /// <param name="x">Images [channels, height, width].</param>
    /// <param name="name">Name of the module.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">Share of the batch's statistics in the running ones, PyTorch's meaning of the word (ONNX's is 1 − momentum).</param>
    public FeatureMap BatchNorm(FeatureMap x, string name, float epsilon = 1e-5f, float momentum = 0.1f)
    {
        Value Weight(string entry) => Parameter($"{name}.{entry}", x.Channels);
        return Layer(name, x.Dims, "BatchNormalization", [x.Value, Weight("weight"), Weight("bias"), Weight("running_mean"), Weight("running_var")],
            ("epsilon", epsilon), ("momentum", 1f - momentum));
    }

    /// <summary><c>torch.nn.LayerNorm</c> over the last dimension: weight and bias of its size.</summary>
    /// <param name="x">Features, the normalised dimension last.</param>
    /// <param name="name">Name of the module.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public FeatureMap LayerNorm(FeatureMap x, string name, float epsilon = 1e-5f)
    {
        var size = x.Dims[^1];
        return Layer(name, x.Dims, "LayerNormalization", [x.Value, Parameter($"{name}.weight", size), Parameter($"{name}.bias", size)], ("epsilon", epsilon));
    }

    /// <summary><c>torch.nn.Linear</c> on the last dimension: weight [outFeatures, features], bias [outFeatures].</summary>
    /// <param name="x">Vectors [features], or more dimensions with the features last.</param>
    /// <param name="name">Name of the module.</param>
    /// <param name="outFeatures">Number of outputs.</param>
    public FeatureMap Linear(FeatureMap x, string name, int outFeatures) => Linear(x, name, $"{name}.weight", $"{name}.bias", outFeatures);

    /// <summary><c>torch.nn.ReLU</c>.</summary>
    public FeatureMap Relu(FeatureMap x) => x.With(builder.Op("Relu", [x.Value]));

    /// <summary><c>torch.nn.Sigmoid</c>.</summary>
    public FeatureMap Sigmoid(FeatureMap x) => x.With(builder.Op("Sigmoid", [x.Value]));

    /// <summary><c>torch.nn.SiLU</c>: x · sigmoid(x).</summary>
    public FeatureMap Silu(FeatureMap x) => Multiply(x, Sigmoid(x));

    /// <summary><c>torch.nn.Hardsigmoid</c>: x/6 + 1/2 within 0 and 1.</summary>
    public FeatureMap HardSigmoid(FeatureMap x) => x.With(builder.Op("HardSigmoid", [x.Value], ("alpha", 1f / 6f), ("beta", 0.5f)));

    /// <summary><c>torch.nn.Hardswish</c>: x · hardsigmoid(x).</summary>
    public FeatureMap HardSwish(FeatureMap x) => x.With(builder.Op("HardSwish", [x.Value]));

    /// <summary><c>torch.nn.GELU</c>, by the error function.</summary>
    public FeatureMap Gelu(FeatureMap x)
    {
        Opset = 20;
        return x.With(builder.Op("Gelu", [x.Value]));
    }

    /// <summary><c>torch.nn.MaxPool2d</c>.</summary>
    /// <param name="x">Images [channels, height, width].</param>
    /// <param name="kernel">Height and width of a window.</param>
    /// <param name="stride">Step in both directions.</param>
    /// <param name="padding">Positions on each side that no maximum is taken of.</param>
    /// <exception cref="ArchitectureException">The images are smaller than the window.</exception>
    public FeatureMap MaxPool(FeatureMap x, int kernel, int stride, int padding = 0) => new(
        builder.Op("MaxPool", [x.Value], ("kernel_shape", Square(kernel)), ("strides", Square(stride)), ("pads", Pads(padding))),
        Windows(x, "a MaxPool", x.Channels, kernel, stride, padding));

    /// <summary><c>torch.nn.AvgPool2d</c>.</summary>
    /// <param name="x">Images [channels, height, width].</param>
    /// <param name="kernel">Height and width of a window.</param>
    /// <param name="stride">Step in both directions.</param>
    /// <exception cref="ArchitectureException">The images are smaller than the window.</exception>
    public FeatureMap AveragePool(FeatureMap x, int kernel, int stride) => new(
        builder.Op("AveragePool", [x.Value], ("kernel_shape", Square(kernel)), ("strides", Square(stride))),
        Windows(x, "an AveragePool", x.Channels, kernel, stride, 0));

    /// <summary><c>torch.nn.AdaptiveAvgPool2d(1)</c>: [channels, 1, 1].</summary>
    public FeatureMap GlobalAveragePool(FeatureMap x) => new(builder.Op("GlobalAveragePool", [x.Value]), x.Channels, 1, 1);

    /// <summary><c>torch.nn.AdaptiveAvgPool2d((height, width))</c>: the mean over each of height × width regions, which overlap where the sizes do not divide.</summary>
    public FeatureMap AdaptiveAveragePool(FeatureMap x, int height, int width)
    {
        var value = x.Value;
        if (x.Dims[1] != height) value = builder.Op("Einsum", [value, Regions(x.Dims[1], height)], ("equation", "nchw,oh->ncow"));
        if (x.Dims[2] != width) value = builder.Op("Einsum", [value, Regions(x.Dims[2], width)], ("equation", "nchw,ow->ncho"));
        return new FeatureMap(value, x.Channels, height, width);
    }

    /// <summary><c>torchvision.transforms.Resize</c> to a larger or equal size: bilinear, by the centres of pixels.</summary>
    /// <exception cref="ArchitectureException">The images are larger than that.</exception>
    public FeatureMap Upsample(FeatureMap x, int height, int width)
    {
        if (x.Dims[1] == height && x.Dims[2] == width) return x;
        if (x.Dims[1] > height || x.Dims[2] > width)
            throw new ArchitectureException($"{network}: images of {x.Dims[1]}×{x.Dims[2]} are larger than the {height}×{width} that the network reads; make them smaller first.");
        var sizes = Ints(height, width);
        return new FeatureMap(
            builder.Op("Resize", [x.Value, default, default, sizes], ("mode", "linear"), ("coordinate_transformation_mode", "half_pixel"), ("axes", new long[] { 2, 3 })),
            x.Channels, height, width);
    }

    /// <summary><c>torch.nn.Flatten</c>: all dimensions but the batch become one.</summary>
    public FeatureMap Flatten(FeatureMap x) => new(builder.Op("Flatten", [x.Value], ("axis", 1)), Count(x.Dims));

    /// <summary>Another shape of the same elements.</summary>
    /// <param name="x">Any features.</param>
    /// <param name="shape">The new dimensions, without the batch.</param>
    public FeatureMap Reshape(FeatureMap x, params ReadOnlySpan<long> shape) =>
        new(builder.Op("Reshape", [x.Value, Ints([-1, .. shape])]), shape.ToArray());

    /// <summary><c>torch.permute</c>; the batch stays first.</summary>
    /// <param name="x">Any features.</param>
    /// <param name="order">For each new dimension the old one, from 1 (0 is the batch).</param>
    public FeatureMap Permute(FeatureMap x, params ReadOnlySpan<int> order)
    {
        long[] axes = [0, .. order.ToArray().Select(a => (long)a)];
        return new FeatureMap(builder.Op("Transpose", [x.Value], ("perm", axes)), [.. axes.Skip(1).Select(a => x.Dims[a - 1])]);
    }

    /// <summary><c>torch.nn.Dropout</c>: on in training alone.</summary>
    /// <param name="x">Any features.</param>
    /// <param name="probability">Share of elements set to zero.</param>
    public FeatureMap Dropout(FeatureMap x, float probability) =>
        x.With(builder.Op("Dropout", [x.Value, Constant(TensorData.Create("", [], [probability]))]));

    /// <summary>The sum, element by element.</summary>
    /// <exception cref="ArchitectureException">The shapes differ.</exception>
    public FeatureMap Add(FeatureMap x, FeatureMap y)
    {
        Stretch("a sum", x, y.Dims, sameSize: true);
        return x.With(x.Value + y.Value);
    }

    /// <summary>The product, element by element; <paramref name="y"/> may have sizes of 1 where <paramref name="x"/> has others.</summary>
    /// <exception cref="ArchitectureException">The shapes differ otherwise.</exception>
    public FeatureMap Multiply(FeatureMap x, FeatureMap y)
    {
        Stretch("a product", x, y.Dims);
        return x.With(x.Value * y.Value);
    }

    /// <summary>The product with a parameter of its own (<c>torch.nn.Parameter</c>).</summary>
    /// <param name="x">Any features.</param>
    /// <param name="name">Name of the parameter.</param>
    /// <param name="shape">Its shape; sizes of 1 are stretched to those of <paramref name="x"/>.</param>
    /// <exception cref="ArchitectureException">The shape cannot be stretched to that of <paramref name="x"/>.</exception>
    public FeatureMap Scale(FeatureMap x, string name, params ReadOnlySpan<long> shape)
    {
        Stretch(name, x, shape.ToArray());
        return x.With(x.Value * Parameter(name, shape));
    }

    /// <summary><c>torch.cat</c> along the channels.</summary>
    /// <exception cref="ArchitectureException">The other dimensions differ.</exception>
    public FeatureMap Concat(FeatureMap x, FeatureMap y)
    {
        Stretch("a concatenation", x, [x.Dims[0], .. y.Dims[1..]], sameSize: true);
        return new FeatureMap(builder.Op("Concat", [x.Value, y.Value], ("axis", 1)), [x.Dims[0] + y.Dims[0], .. x.Dims[1..]]);
    }

    /// <summary>An entry of the state dict.</summary>
    internal Value Parameter(string name, params ReadOnlySpan<long> shape)
    {
        if (parameters.Find(p => p.Name == name) is not { } known)
            parameters.Add(new ArchitectureParameter(name, shape.ToArray(), OnnxElementType.Float));
        else if (!shape.SequenceEqual(known.Shape.ToArray()))
            throw new ArchitectureException($"{network}: '{name}' is used as [{string.Join(',', known.Shape)}] and as [{string.Join(',', shape.ToArray())}]; give every module a name of its own.");
        return builder[name];
    }

    /// <summary>Says what a module was called by older versions of its library.</summary>
    internal void Alias(string name, string older)
    {
        foreach (var entry in new[] { "weight", "bias" }) aliases.Add($"{name}.{entry}", $"{older}.{entry}");
    }

    internal FeatureMap Linear(FeatureMap x, string name, string weight, string bias, int outFeatures)
    {
        var features = x.Dims[^1];
        var rows = x.Dims.Length == 1 ? x : Reshape(x, features);
        var y = Layer(name, [outFeatures], "Gemm", [rows.Value, Parameter(weight, outFeatures, features), Parameter(bias, outFeatures)], ("transB", 1));
        return x.Dims.Length == 1 ? y : Reshape(y, [.. x.Dims[..^1], outFeatures]);
    }

    // Constants are nodes: the graph's initializers are the state dict and nothing else.
    internal Value Ints(params ReadOnlySpan<long> values) => Constant(TensorData.Create("", [values.Length], values));

    internal Value Scalar(float value) => Constant(TensorData.Create("", [], [value]));

    internal void Finish(FeatureMap logits, int classes)
    {
        if (!logits.Dims.SequenceEqual([classes]))
            throw new ArchitectureException($"{network}: its logits are of shape [{string.Join(',', logits.Dims)}] instead of [{classes}]; end its definition with one number per class.");
        if (parameters.Count == 0)
            throw new ArchitectureException($"{network}: it has no parameters; give its definition layers that learn.");
        Graph.Node.Single(n => n.Output.Contains(logits.Value.Name)).Output[0] = "logits";
        builder.Output("logits", DataType.Float, -1, classes);
        Graph.Output[0].Type.TensorType.Shape.Dim[0].DimParam = "batch";
    }

    private Value Constant(TensorProto tensor) => builder.Op("Constant", [], ("value", tensor));

    private FeatureMap Layer(string name, long[] shape, string type, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var value = builder.Op(type, inputs, attributes);
        Graph.Node[^1].Name = name;
        return new FeatureMap(value, shape);
    }

    private void Stretch(string what, FeatureMap x, long[] shape, bool sameSize = false)
    {
        var fits = shape.Length == x.Dims.Length && shape.Zip(x.Dims).All(d => d.First == d.Second || (d.First == 1 && !sameSize));
        if (!fits)
            throw new ArchitectureException($"{network}: the shapes [{string.Join(',', x.Dims)}] and [{string.Join(',', shape)}] of {what} do not fit together; check the layers before it.");
    }

    private long[] Windows(FeatureMap x, string name, int channels, int kernel, int stride, int padding)
    {
        if (x.Dims.Length != 3)
            throw new ArchitectureException($"{network}: {name} is applied to features of shape [{string.Join(',', x.Dims)}]; give it images of channels, height and width.");
        long[] shape = [channels, ((x.Dims[1] + (2 * padding) - kernel) / stride) + 1, ((x.Dims[2] + (2 * padding) - kernel) / stride) + 1];
        if (x.Dims[1] + (2 * padding) < kernel || x.Dims[2] + (2 * padding) < kernel)
            throw new ArchitectureException($"{network}: nothing is left of the image at {name}, which reads {kernel}×{kernel} pixels of {x.Dims[1]}×{x.Dims[2]}; give larger images.");
        return shape;
    }

    // [regions, size]: what each region takes of each position; region i spans floor(i·size/regions) to ceil((i+1)·size/regions).
    private Value Regions(long size, int regions)
    {
        var matrix = new float[regions * size];
        for (var i = 0; i < regions; i++)
        {
            var from = i * size / regions;
            var to = (((i + 1) * size) + regions - 1) / regions;
            for (var j = from; j < to; j++) matrix[(i * size) + j] = 1f / (to - from);
        }

        return Constant(TensorData.Create("", [regions, size], matrix.AsSpan()));
    }

    private static long Count(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);

    private static long[] Square(long size) => [size, size];

    private static long[] Pads(long padding) => [padding, padding, padding, padding];
}
