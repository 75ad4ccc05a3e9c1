using Ulrl.Training.Autodiff;
using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>The operators of traced classifiers, by their names in TorchScript. A name that ends in an underscore changes its first argument.</summary>
internal static class ScriptOperators
{
    private const string Prefix = "torch.";

    // Their results share memory with their first argument.
    private static readonly HashSet<string> Views =
    [
        "view", "reshape", "flatten", "permute", "transpose", "t", "unsqueeze", "squeeze", "slice", "select", "expand", "expand_as", "chunk",
        "split", "split_with_sizes", "contiguous", "detach", "alias", "to", "unflatten", "dropout", "feature_dropout",
    ];

    private static readonly Dictionary<string, Func<ScriptArguments, object?>> Table = Operators();

    public static object? Call(string function, ScriptArguments a)
    {
        if (ScriptNumbers.Find(function, a) is { } number) return number(a);
        var name = function.StartsWith(Prefix, StringComparison.Ordinal) ? function[Prefix.Length..] : "";
        var inPlace = name.EndsWith('_') && !name.EndsWith("__", StringComparison.Ordinal);
        if (!Table.TryGetValue(inPlace ? name[..^1] : name, out var emit))
            throw a.Run.Error($"operator '{function}' has no ONNX counterpart here; export this model to ONNX from Python");
        object? result;
        try
        {
            result = emit(a);
        }
        catch (OverflowException e)
        {
            throw new CheckpointException(a.Run.Error($"'{function}' gives a tensor that is larger than any memory; the file is damaged").Message, e);
        }

        if (inPlace)
        {
            return a[0] is ScriptTensor changed && result is TorchTensor to
                ? changed.Change(to)
                : throw a.Run.Error($"'{function}' changes a {ScriptRun.Describe(a[0])} in place; use the operator that returns a new tensor");
        }

        var source = Views.Contains(name) ? a[0] as ScriptTensor : null;
        return result switch
        {
            TorchTensor tensor => new ScriptTensor(tensor, source),
            TorchTensor[] tensors => tensors.Select(object? (t) => new ScriptTensor(t, source)).ToList(),
            _ => result,
        };
    }

    private static Dictionary<string, Func<ScriptArguments, object?>> Operators()
    {
        var table = new Dictionary<string, Func<ScriptArguments, object?>>(StringComparer.Ordinal);
        void Add(string names, Func<ScriptArguments, object?> emit)
        {
            foreach (var name in names.Split(' ')) table.Add(name, emit);
        }

        void Unary(string name, string onnx) => Add(name, a => a.Graph.Unary(onnx, a.Tensor(0)));
        foreach (var (name, onnx) in new[]
        {
            ("relu", "Relu"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh"), ("hardswish", "HardSwish"), ("mish", "Mish"), ("selu", "Selu"), ("softsign", "Softsign"),
            ("exp", "Exp"), ("log", "Log"), ("sqrt", "Sqrt"), ("abs", "Abs"), ("neg", "Neg"), ("erf", "Erf"), ("reciprocal", "Reciprocal"), ("sin", "Sin"), ("cos", "Cos"),
        })
        {
            Unary(name, onnx);
        }

        Add("contiguous detach alias clone to type_as", a => a.Tensor(0));
        Add("rsqrt", a => a.Graph.Unary("Reciprocal", a.Graph.Unary("Sqrt", a.Tensor(0))));
        Add("silu", a => a.Graph.Silu(a.Tensor(0)));
        Add("hardsigmoid", a => a.Graph.HardSigmoid(a.Tensor(0)));
        Add("gelu", a => a.Graph.Gelu(a.Tensor(0), a["approximate"] is "tanh"));
        Add("hardtanh", a => a.Graph.Clamp(a.Tensor(0), a.Number(1, -1), a.Number(2, 1)));
        Add("relu6", a => a.Graph.Clamp(a.Tensor(0), 0, 6));
        Add("clamp clip", a => a.Graph.Clamp(a.Tensor(0), a.OptionalNumber(1), a.OptionalNumber(2)));
        Add("clamp_min", a => a.Graph.Clamp(a.Tensor(0), a.Number(1), null));
        Add("clamp_max", a => a.Graph.Clamp(a.Tensor(0), null, a.Number(1)));
        Add("elu", a => a.Number(2, 1) == 1 && a.Number(3, 1) == 1 ? a.Graph.Unary("Elu", a.Tensor(0), ("alpha", (float)a.Number(1, 1))) : throw a.Run.Error("elu with a scale has no ONNX counterpart here"));
        Add("celu", a => a.Graph.Unary("Celu", a.Tensor(0), ("alpha", (float)a.Number(1, 1))));
        Add("leaky_relu", a => a.Graph.Unary("LeakyRelu", a.Tensor(0), ("alpha", (float)a.Number(1, 0.01))));
        Add("softplus", a => a.Graph.Softplus(a.Tensor(0), a.Number(1, 1), a.Number(2, 20)));
        Add("prelu", a => a.Graph.PRelu(a.Tensor(0), a.Tensor(1)));
        Add("log_sigmoid", a => a.Graph.LogSigmoid(a.Tensor(0)));
        Add("glu", a => a.Graph.Glu(a.Tensor(0), a.Int(1, -1)));
        Add("softmax _softmax", a => a.Graph.Softmax(a.Tensor(0), a.Int(1)));
        Add("log_softmax _log_softmax", a => a.Graph.Softmax(a.Tensor(0), a.Int(1), log: true));
        Add("dropout", a => a.Graph.Dropout(a.Tensor(0), a.Number(1)));
        Add("feature_dropout alpha_dropout feature_alpha_dropout", a => a.Tensor(0));

        Add("add", a => Sum(a, "Add"));
        Add("sub", a => Sum(a, "Sub"));
        Add("rsub", a => Sum(a, "Sub", reversed: true));
        Add("mul", a => a.Graph.Binary("Mul", a.Tensor(0), a.Tensor(1)));
        Add("div", a => a["rounding_mode"] is null ? a.Graph.Binary("Div", a.Tensor(0), a.Tensor(1)) : throw a.Run.Error("division with rounding has no ONNX counterpart here"));
        Add("pow", a => a.Graph.Binary("Pow", a.Tensor(0), a.Tensor(1)));
        Add("maximum", a => a.Graph.Binary("Max", a.Tensor(0), a.Tensor(1)));
        Add("minimum", a => a.Graph.Binary("Min", a.Tensor(0), a.Tensor(1)));
        Add("mean", a => Reduce(a, "ReduceMean"));
        Add("sum", a => Reduce(a, "ReduceSum"));
        Add("amax", a => Reduce(a, "ReduceMax"));

        Add("linear", a => a.Graph.Linear(a.Tensor(0), a.Tensor(1), a.Optional(2)));
        Add("addmm", a => a.Graph.Binary("Add", a.Graph.MatMul(a.Tensor(1), a.Tensor(2)), a.Tensor(0)));
        Add("matmul bmm mm", a => a.Graph.MatMul(a.Tensor(0), a.Tensor(1)));
        Add("baddbmm", a => a.Graph.Binary("Add", a.Graph.MatMul(a.Tensor(1), a.Tensor(2)), a.Tensor(0)));
        Add("scaled_dot_product_attention", a => a.Is(5) ? throw a.Run.Error("causal attention has no ONNX counterpart here") : a.Graph.ScaledDotProduct(a.Tensor(0), a.Tensor(1), a.Tensor(2), a.Optional(3), a["scale"] as double?));
        Add("_native_multi_head_attention", ScriptAttention.MultiHead);
        Add("_transformer_encoder_layer_fwd", ScriptAttention.EncoderLayer);
        Add("embedding", a => a.Graph.Embedding(a.Tensor(1), a.Tensor(0)));

        Add("_convolution", a => Convolution(a, a.Is(6), 7, 8));
        Add("conv1d conv2d conv3d", a => Convolution(a, false, null, 6));
        Add("conv_transpose1d conv_transpose2d conv_transpose3d", Transposed);
        Add("batch_norm", Norm);
        Add("layer_norm", a => a.Graph.LayerNorm(a.Tensor(0), a.List(1).Count, a.Optional(2), a.Optional(3), a.Number(4, 1e-5)));
        Add("group_norm", a => a.Graph.GroupNorm(a.Tensor(0), a.Int(1), a.Optional(2), a.Optional(3), a.Number(4, 1e-5)));
        Add("instance_norm", a => a.Is(5)
            ? a.Graph.InstanceNorm(a.Tensor(0), a.Optional(1), a.Optional(2), a.Number(7))
            : a.Graph.NormBy(a.Tensor(0), a.Optional(1), a.Optional(2), a.Tensor(3), a.Tensor(4), a.Number(7)));

        Add("max_pool1d", a => Max(a, 1));
        Add("max_pool2d", a => Max(a, 2));
        Add("max_pool3d", a => Max(a, 3));
        Add("avg_pool1d", a => Average(a, 1));
        Add("avg_pool2d", a => Average(a, 2));
        Add("avg_pool3d", a => Average(a, 3));
        Add("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", a => a.Graph.AdaptiveAveragePool(a.Tensor(0), Adaptive(a)));
        Add("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", a => new[] { a.Graph.AdaptiveMaxPool(a.Tensor(0), Adaptive(a)), a.Tensor(0) });
        Add("upsample_nearest1d upsample_nearest2d upsample_nearest3d", a => Resize(a, "nearest", 2));
        Add("upsample_linear1d", a => Resize(a, "linear", 3));
        Add("upsample_bilinear2d", a => Resize(a, "bilinear", 3));
        Add("upsample_bicubic2d", a => Resize(a, "bicubic", 3));
        Add("upsample_trilinear3d", a => Resize(a, "trilinear", 3));
        Add("pixel_shuffle", a => a.Graph.PixelShuffle(a.Tensor(0), a.Int(1)));
        Add("pixel_unshuffle", a => a.Graph.PixelUnshuffle(a.Tensor(0), a.Int(1)));
        Add("channel_shuffle", a => a.Graph.ChannelShuffle(a.Tensor(0), a.Int(1)));
        Add("pad", a => a.Graph.Pad(a.Tensor(0), a[2] as string ?? "constant", a.Number(3, 0), a.Ints(1)));
        Add("constant_pad_nd", a => a.Graph.Pad(a.Tensor(0), "constant", a.Number(2, 0), a.Ints(1)));
        Add("reflection_pad1d reflection_pad2d reflection_pad3d", a => a.Graph.Pad(a.Tensor(0), "reflect", 0, a.Ints(1)));
        Add("replication_pad1d replication_pad2d replication_pad3d", a => a.Graph.Pad(a.Tensor(0), "replicate", 0, a.Ints(1)));

        Add("flatten", a => a.Graph.Flatten(a.Tensor(0), a.Int(1, 0), a.Int(2, -1)));
        Add("unflatten", a => a.Graph.Unflatten(a.Tensor(0), a.Int(1), a.Ints(2)));
        Add("view reshape", a => a.Graph.View(a.Tensor(0), a.Sizes(1)));
        Add("permute", a => a.Graph.Permute(a.Tensor(0), a.Ints(1)));
        Add("transpose", a => a.Graph.Transpose(a.Tensor(0), a.Int(1), a.Int(2)));
        Add("t", a => a.Graph.Transpose(a.Tensor(0), 0, 1));
        Add("unsqueeze", a => a.Graph.Unsqueeze(a.Tensor(0), a.Int(1)));
        Add("squeeze", a => a.Graph.Squeeze(a.Tensor(0), a.Int(1)));
        Add("expand", a => a.Graph.Expand(a.Tensor(0), a.Run.Input, a.Sizes(1)));
        Add("expand_as", a => a.Graph.Expand(a.Tensor(0), a.Run.Input, a.Tensor(1).Dims));
        Add("cat", a => a.Graph.Concat(a.Int(1, 0), [.. a.Tensors(0)]));
        Add("stack", a => a.Graph.Concat(a.Int(1, 0), [.. a.Tensors(0).Select(t => a.Graph.Unsqueeze(t, a.Int(1, 0)))]));
        Add("chunk", a => a.Graph.Chunk(a.Tensor(0), a.Int(1), a.Int(2, 0)));
        Add("split", a => a[1] is Dim ? a.Graph.SplitEvery(a.Tensor(0), a.Int(1), a.Int(2, 0)) : a.Graph.Split(a.Tensor(0), a.Int(2, 0), a.Ints(1)));
        Add("split_with_sizes", a => a.Graph.Split(a.Tensor(0), a.Int(2, 0), a.Ints(1)));
        Add("slice", a => a.Graph.Slice(a.Tensor(0), a.Int(1, 0), a[2] is null ? null : a.Int(2), a[3] is null || IsWhole(a) ? null : a.Int(3), a.Int(4, 1)));
        Add("select", a => a.Graph.Select(a.Tensor(0), a.Int(1), a.Int(2)));
        Add("index", Index);
        Add("roll", Roll);
        return table;
    }

    // x ± alpha · y.
    private static TorchTensor Sum(ScriptArguments a, string type, bool reversed = false)
    {
        var (x, y) = (a.Tensor(0), a.Tensor(1));
        var alpha = a["alpha"] ?? a[2];
        if (reversed) (x, y) = (y, x);
        if (alpha is not null && alpha is not Dim { First: 1, Second: 1 }) throw a.Run.Error("a sum with a factor has no ONNX counterpart here");
        return a.Graph.Binary(type, x, y);
    }

    private static TorchTensor Reduce(ScriptArguments a, string type) => a.Graph.Reduce(type, a.Tensor(0), a.Is(2), a[1] is null ? [] : a.Ints(1));

    // input, weight, bias, stride, padding, dilation, then transposed and output padding in _convolution, groups.
    private static TorchTensor Convolution(ScriptArguments a, bool transposed, int? outputPadding, int groups)
    {
        var (x, weight) = (a.Tensor(0), a.Tensor(1));
        var directions = weight.Rank - 2;
        var stride = a[3] is null ? Ones(directions) : a.Ints(3, directions);
        var dilation = a[5] is null ? Ones(directions) : a.Ints(5, directions);
        if (transposed) return a.Graph.ConvolutionTranspose(x, weight, a.Optional(2), stride, a.Ints(4, directions), a.Ints(outputPadding!.Value, directions), dilation, a.Int(groups, 1));
        var (before, after) = Padding(a, weight, dilation);
        return a.Graph.Convolution(x, weight, a.Optional(2), stride, before, after, dilation, a.Int(groups, 1));
    }

    private static (long[] Before, long[] After) Padding(ScriptArguments a, TorchTensor weight, long[] dilation)
    {
        if (a[4] is not string mode)
        {
            var padding = a[4] is null ? new long[dilation.Length] : a.Ints(4, dilation.Length);
            return (padding, padding);
        }

        // 'same': what does not split evenly goes behind.
        long[] all = [.. dilation.Select((d, i) => mode == "same" ? d * (weight.Dims[i + 2].Size - 1) : 0)];
        return ([.. all.Select(p => p / 2)], [.. all.Select(p => p - (p / 2))]);
    }

    // input, weight, bias, stride, padding, output padding, groups, dilation.
    private static object Transposed(ScriptArguments a)
    {
        var weight = a.Tensor(1);
        var directions = weight.Rank - 2;
        long[] Sizes(int index, long otherwise) => a[index] is null ? [.. Enumerable.Repeat(otherwise, directions)] : a.Ints(index, directions);
        return a.Graph.ConvolutionTranspose(a.Tensor(0), weight, a.Optional(2), Sizes(3, 1), Sizes(4, 0), Sizes(5, 0), Sizes(7, 1), a.Int(6, 1));
    }

    // Traced in evaluation mode by running statistics; traced in training mode, or without them, by the batch's.
    private static object Norm(ScriptArguments a)
    {
        var statistics = a[3] is StoredTensor && a[4] is StoredTensor;
        if (a.Is(5) && statistics)
            throw a.Run.Error("the model was traced in training mode; call model.eval() before torch.jit.trace");
        return statistics
            ? a.Graph.BatchNorm(a.Tensor(0), a.Optional(1), a.Optional(2), a.Run.Initializer((StoredTensor)a[3]!), a.Run.Initializer((StoredTensor)a[4]!), a.Number(7), a.Number(6))
            : a.Graph.BatchNormOfBatch(a.Tensor(0), a.Optional(1), a.Optional(2), a.Number(7));
    }

    private static TorchTensor Max(ScriptArguments a, int directions)
    {
        var kernel = a.Ints(1, directions);
        return a.Graph.MaxPool(a.Tensor(0), kernel, Steps(a, kernel), a[3] is null ? new long[directions] : a.Ints(3, directions), a[4] is null ? Ones(directions) : a.Ints(4, directions), a.Is(5));
    }

    private static TorchTensor Average(ScriptArguments a, int directions)
    {
        var kernel = a.Ints(1, directions);
        return a.Graph.AveragePool(a.Tensor(0), kernel, Steps(a, kernel), a[3] is null ? new long[directions] : a.Ints(3, directions), a.Is(4), a.Is(5, true), a[6] is null ? null : a.Int(6));
    }

    private static long[] Steps(ScriptArguments a, long[] kernel) => a[2] is null || a.List(2).Count == 0 ? kernel : a.Ints(2, kernel.Length);

    private static long[] Adaptive(ScriptArguments a) => [.. a.List(1).Select(v => v is null ? 0 : v is Dim { IsFixed: true } size ? size.Size : throw a.Wrong(1, "a list of sizes"))];

    // input, sizes, (corners,) factors.
    private static TorchTensor Resize(ScriptArguments a, string mode, int factors)
    {
        var x = a.Tensor(0);
        double[]? scales = a[1] is null && a[factors] is IReadOnlyList<object?> list ? [.. list.Select(s => s is double d ? d : throw a.Wrong(factors, "a list of factors"))] : null;
        return a.Graph.Resize(x, mode, scales is null ? a.Ints(1, x.Rank - 2) : null, scales, factors == 3 && a.Is(2));
    }

    private static bool IsWhole(ScriptArguments a) =>
        a[3] is Dim end && (end == TorchGraph.Of(long.MaxValue) || end == a.Tensor(0).Dims[a.Tensor(0).Axis(a.Int(1, 0))]);

    // One index, along the first dimension that is not left whole.
    private static object Index(ScriptArguments a)
    {
        var indices = a.List(1);
        var axis = indices.TakeWhile(i => i is null).Count();
        if (indices.Count(i => i is not null) != 1) throw a.Run.Error("indexing by several tensors has no ONNX counterpart here");
        var (x, index) = (a.Tensor(0), a.Run.Read(indices[axis]));
        return a.Graph.Node("Gather", x.Type, [.. x.Dims[..axis], .. index.Dims, .. x.Dims[(axis + 1)..]], [x, index], ("axis", (long)axis));
    }

    private static object Roll(ScriptArguments a)
    {
        var (x, shifts, dims) = (a.Tensor(0), a.Ints(1), a.Ints(2));
        if (shifts.Length != dims.Length) throw a.Wrong(1, "one shift for each dimension");
        for (var i = 0; i < dims.Length; i++)
        {
            var size = x.Dims[x.Axis(dims[i])];
            if (!size.IsFixed || size.Size == 0) throw a.Wrong(2, "a list of dimensions of fixed size");
            var shift = ((shifts[i] % size.Size) + size.Size) % size.Size;
            if (shift != 0) x = a.Graph.Concat(dims[i], a.Graph.Slice(x, dims[i], size.Size - shift, size.Size), a.Graph.Slice(x, dims[i], 0, size.Size - shift));
        }

        return x;
    }

    private static long[] Ones(int count) => [.. Enumerable.Repeat(1L, count)];
}
