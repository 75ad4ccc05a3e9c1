using Ulrl.Training.Autodiff;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Torch;

/// <content>Arithmetic and activations.</content>
internal sealed partial class TorchGraph
{
    // Beyond this, softplus equals its argument in single precision.
    private const double SoftplusIsLinear = 16;

    /// <summary>An ONNX operator on each element.</summary>
    public TorchTensor Unary(string type, TorchTensor x, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        x.With(builder.Op(type, [x.Value], attributes));

    /// <summary>An ONNX operator on pairs of elements, sizes of 1 stretched.</summary>
    public TorchTensor Binary(string type, TorchTensor a, TorchTensor b)
    {
        var dims = Broadcast(a.Dims, b.Dims);
        if (a.Type != b.Type) (a, b) = (Cast(a, DataType.Float), Cast(b, DataType.Float));
        var elements = type is "Equal" or "Greater" or "Less" or "GreaterOrEqual" or "LessOrEqual" ? DataType.Bool : a.Type;
        return new TorchTensor(builder.Op(type, [a.Value, b.Value]), elements, dims);
    }

    /// <summary>An ONNX operator on each element and a number.</summary>
    public TorchTensor Binary(string type, TorchTensor a, double b) => Binary(type, a, Scalar(b, a.Type));

    /// <summary>A number of an element type.</summary>
    public TorchTensor Scalar(double number, DataType type = DataType.Float) =>
        type == DataType.Int64 && Math.Truncate(number) == number ? new(Constant(Onnx.TensorData.Create("", [], [(long)number])), DataType.Int64) : new(Number((float)number), DataType.Float);

    public TorchTensor Cast(TorchTensor x, DataType type) =>
        x.Type == type ? x : new TorchTensor(builder.Op("Cast", [x.Value], ("to", type)), type, x.Dims);

    /// <summary><c>torch.where</c>.</summary>
    public TorchTensor Where(TorchTensor condition, TorchTensor a, TorchTensor b) =>
        new(builder.Op("Where", [condition.Value, a.Value, b.Value]), a.Type, Broadcast(condition.Dims, Broadcast(a.Dims, b.Dims)));

    /// <summary><c>torch.clamp</c>.</summary>
    public TorchTensor Clamp(TorchTensor x, double? low, double? high) =>
        x.With(builder.Op("Clip", [x.Value, low is { } l ? Scalar(l, x.Type).Value : default, high is { } h ? Scalar(h, x.Type).Value : default]));

    /// <summary><c>torch.nn.functional.silu</c>.</summary>
    public TorchTensor Silu(TorchTensor x) => Binary("Mul", x, Unary("Sigmoid", x));

    public TorchTensor HardSigmoid(TorchTensor x) => Unary("HardSigmoid", x, ("alpha", 1f / 6f), ("beta", 0.5f));

    /// <summary><c>torch.nn.functional.gelu</c>, by the error function or, with <paramref name="tanh"/>, its approximation.</summary>
    public TorchTensor Gelu(TorchTensor x, bool tanh = false)
    {
        if (opset >= 20) return tanh ? Unary("Gelu", x, ("approximate", "tanh")) : Unary("Gelu", x);
        var inner = tanh
            ? Unary("Tanh", Binary("Mul", Binary("Add", x, Binary("Mul", Binary("Mul", Binary("Mul", x, x), x), 0.044715)), Math.Sqrt(2 / Math.PI)))
            : Unary("Erf", Binary("Mul", x, Math.Sqrt(0.5)));
        return Binary("Mul", Binary("Mul", x, 0.5), Binary("Add", inner, 1));
    }

    /// <summary><c>torch.nn.functional.softplus</c>: log(1 + exp(βx))/β, and x itself where βx exceeds the threshold.</summary>
    public TorchTensor Softplus(TorchTensor x, double beta, double threshold)
    {
        var scaled = beta == 1 ? x : Binary("Mul", x, beta);
        var soft = Unary("Softplus", scaled);
        if (beta != 1) soft = Binary("Div", soft, beta);
        return threshold >= SoftplusIsLinear ? soft : Where(Binary("Greater", scaled, threshold), x, soft);
    }

    public TorchTensor LogSigmoid(TorchTensor x) => Unary("Neg", Unary("Softplus", Unary("Neg", x)));

    public TorchTensor SoftShrink(TorchTensor x, double lambda) =>
        Binary("Sub", Unary("Relu", Binary("Sub", x, lambda)), Unary("Relu", Binary("Sub", Unary("Neg", x), lambda)));

    public TorchTensor HardShrink(TorchTensor x, double lambda) => Where(Binary("Greater", Unary("Abs", x), lambda), x, Scalar(0));

    /// <summary><c>torch.nn.functional.threshold</c>: x where it exceeds the threshold, elsewhere the value.</summary>
    public TorchTensor Threshold(TorchTensor x, double threshold, double value) => Where(Binary("Greater", x, threshold), x, Scalar(value));

    /// <summary><c>torch.nn.functional.prelu</c>: one slope, or one for each channel.</summary>
    public TorchTensor PRelu(TorchTensor x, TorchTensor slope)
    {
        var count = slope.Dims[0].Size;
        if (count == 1 || x.Rank <= 2) return x.With(builder.Op("PRelu", [x.Value, slope.Value]));
        var shaped = Reshape(slope, [Of(count), .. Fixed([.. Enumerable.Repeat(1L, x.Rank - 2)])]);
        return x.With(builder.Op("PRelu", [x.Value, shaped.Value]));
    }

    public TorchTensor Softmax(TorchTensor x, long dim, bool log = false) => Unary(log ? "LogSoftmax" : "Softmax", x, ("axis", (long)x.Axis(dim)));

    /// <summary><c>torch.nn.functional.glu</c>: the first half times the sigmoid of the second.</summary>
    public TorchTensor Glu(TorchTensor x, long dim)
    {
        var halves = Chunk(x, 2, dim);
        return Binary("Mul", halves[0], Unary("Sigmoid", halves[1]));
    }

    /// <summary><c>torch.nn.functional.dropout</c>, which training alone turns on.</summary>
    public TorchTensor Dropout(TorchTensor x, double probability) => x.With(builder.Op("Dropout", [x.Value, Number((float)probability)]));

    private Dim[] Broadcast(Dim[] a, Dim[] b)
    {
        var rank = Math.Max(a.Length, b.Length);
        var dims = new Dim[rank];
        for (var i = 0; i < rank; i++)
        {
            var (x, y) = (i < rank - a.Length ? Of(1) : a[i - rank + a.Length], i < rank - b.Length ? Of(1) : b[i - rank + b.Length]);
            if (x != y && !x.IsOne && !y.IsOne) throw Error($"tensors of shape [{string.Join(", ", a)}] and [{string.Join(", ", b)}] do not fit together");
            dims[i] = x.IsOne ? y : x;
        }

        return dims;
    }
}
