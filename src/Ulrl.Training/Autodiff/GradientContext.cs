using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff;

/// <summary>What a gradient rule sees of its node.</summary>
internal sealed class GradientContext
{
    private readonly Value[] outputGradients;
    private readonly Func<string, bool> needed;
    private readonly BackwardOptions options;

    public GradientContext(NodeProto node, Value[] outputGradients, Func<string, bool> needed, GraphBuilder builder, BackwardOptions options)
    {
        Node = node;
        this.outputGradients = outputGradients;
        this.needed = needed;
        this.options = options;
        B = builder;
    }

    public NodeProto Node { get; }

    public GraphBuilder B { get; }

    /// <summary>Whether to keep to standard operators, for providers other than the CPU.</summary>
    public bool Portable => options.Portable;

    public long Opset => options.Opset;

    /// <summary>The batch's mean and variance where the node is a batch-norm in training form.</summary>
    public (Value Mean, Value Variance)? BatchStatistics =>
        options.TrainForm is { } form && form.BatchStatistics.TryGetValue(Node.Output[0], out var found) ? found : null;

    /// <summary>Gradient of the loss by the first output.</summary>
    public Value Dy => outputGradients[0];

    /// <summary>The first output.</summary>
    public Value Y => B[Node.Output[0]];

    /// <summary>Number of outputs of the node.</summary>
    public int Outputs => Node.Output.Count;

    /// <summary>The input at a position; absent where the node has none there.</summary>
    public Value this[int input] => input < Node.Input.Count && Node.Input[input].Length > 0 ? B[Node.Input[input]] : default;

    public int Inputs => Node.Input.Count;

    /// <summary>Whether the gradient by this input is asked for.</summary>
    public bool Needs(int input) => input < Node.Input.Count && needed(Node.Input[input]);

    /// <summary>Gradient by an output; absent where the loss does not depend on it.</summary>
    public Value DyOf(int output) => outputGradients[output];

    public Dim[] Shape(int input) => options.Probe.Shape(Node.Input[input]);

    /// <summary>Elements per channel of an input [batch, channels, …], as a float scalar.</summary>
    public Value ElementsPerChannel(int input) => options.Count.PerChannel(this[input], Shape(input));

    public Dim[] OutputShape(int output = 0) => options.Probe.Shape(Node.Output[output]);

    public Dim[] Shape(Value value) => options.Probe.Shape(value.Name);

    public int Rank(int input) => Shape(input).Length;

    /// <summary>The values of a steering input that must not change with the batch.</summary>
    public double[] Values(int input) => options.Probe.Values(Node.Input[input]) ?? throw Refuse($"its input '{Node.Input[input]}' changes with the batch");

    public long[] Integers(int input) => Array.ConvertAll(Values(input), v => (long)v);

    public long Int(string name, long otherwise) => Node.Int(name, otherwise);

    public float Float(string name, float otherwise) => Node.Float(name, otherwise);

    public string Text(string name, string otherwise) => Node.Text(name, otherwise);

    public long[]? Ints(string name) => Node.Ints(name);

    /// <summary>The attribute <c>axis</c> counted from the front.</summary>
    public int Axis(long otherwise, int? rank = null) => Normalize(Int("axis", otherwise), rank ?? Rank(0));

    public static int Normalize(long axis, int rank) => (int)(axis < 0 ? axis + rank : axis);

    /// <summary>1 where the condition holds, 0 elsewhere, as floats.</summary>
    public Value Mask(string comparison, Value a, Value b) => Cast(B.Op(comparison, [a, b]));

    public Value Cast(Value value) => B.Op("Cast", [value], ("to", 1L));

    public Value Sum(Value value, bool keep, params long[] axes) =>
        axes.Length == 0 ? value : B.Op("ReduceSum", [value, B.Ints(axes)], ("keepdims", keep));

    /// <summary>Reshapes to a shape known up to the batch.</summary>
    public Value Reshape(Value value, params ReadOnlySpan<Dim> shape)
    {
        var open = 0;
        var dims = new long[shape.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            dims[i] = shape[i].OrMinusOne;
            if (!shape[i].IsFixed) open++;
        }

        if (open <= 1) return B.Op("Reshape", [value, B.Ints(dims)]);
        throw Refuse("more than one of its dimensions grows with the batch");
    }

    /// <summary>Reshapes to the shape of a tensor of the graph.</summary>
    public Value ReshapeLike(Value value, Value like)
    {
        var shape = Shape(like);
        return shape.Count(d => !d.IsFixed) <= 1
            ? Reshape(value, shape)
            : B.Op("Reshape", [value, B.Op("Shape", [like])]);
    }

    /// <summary>
    /// Broadcasts a gradient to a shape. Dimensions that grow with the batch must be whole in it already.
    /// </summary>
    public Value ExpandTo(Value value, Value like)
    {
        var shape = Shape(like);
        return shape.All(d => d.IsFixed)
            ? B.Op("Expand", [value, B.Ints([.. shape.Select(d => d.Size)])])
            : B.Op("Expand", [value, B.Op("Shape", [like])]);
    }

    /// <summary>A vector of one number per channel shaped to multiply a tensor [batch, channels, …].</summary>
    public Value PerChannel(Value vector, int rank)
    {
        var dims = new long[rank - 1];
        Array.Fill(dims, 1);
        dims[0] = -1;
        return rank == 2 ? vector : B.Op("Reshape", [vector, B.Ints(dims)]);
    }

    /// <summary>
    /// Sums a tensor [batch, channels, …] over every dimension but the channels: positions first, then samples,
    /// as two reductions of matrices, the form that the runtime's kernels like best.
    /// </summary>
    public Value SumPerChannel(Value value, Dim[] shape)
    {
        if (!shape[1..].All(d => d.IsFixed)) return Sum(value, false, [0, .. Enumerable.Range(2, shape.Length - 2).Select(i => (long)i)]);
        if (shape.Length == 2) return Sum(value, false, 0);
        var rows = Sum(B.Op("Reshape", [value, B.Ints(-1, Positions(shape))]), false, 1);
        return Sum(B.Op("Reshape", [rows, B.Ints(-1, shape[1].Size)]), false, 0);
    }

    /// <summary>Dot products of two tensors [batch, channels, …] per channel, without a tensor of their products.</summary>
    public Value DotPerChannel(Value a, Value b, Dim[] shape)
    {
        if (Portable || !shape[1..].All(d => d.IsFixed) || Positions(shape) == 1) return SumPerChannel(a * b, shape);
        var rows = B.Ints(-1, 1, Positions(shape));
        var dots = B.ContribOp("FusedMatMul", [B.Op("Reshape", [a, rows]), B.Op("Reshape", [b, rows])], ("transB", 1L));
        return Sum(B.Op("Reshape", [dots, B.Ints(-1, shape[1].Size)]), false, 0);
    }

    private static long Positions(Dim[] shape) => shape[2..].Aggregate(1L, (n, d) => n * d.Size);

    /// <summary>The error for a node that is outside what its rule covers.</summary>
    public UnsupportedOperatorException Refuse(string reason) => new(Node.Label(), Node.OpType, Node.Domain, Opset, reason);
}
