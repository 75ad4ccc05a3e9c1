using Ulrl.Training.Autodiff;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Torch;

/// <content>Layers with weights, and normalisation.</content>
internal sealed partial class TorchGraph
{
    /// <summary><c>torch.nn.functional.linear</c> on the last dimension: weight [out, in].</summary>
    public TorchTensor Linear(TorchTensor x, TorchTensor weight, TorchTensor? bias)
    {
        RequireRank(weight, "a linear layer's weight", 2);
        var (outputs, inputs) = (weight.Dims[0], weight.Dims[1]);
        if (x.Rank == 0 || x.Dims[^1] != inputs) throw Error($"a linear layer from {inputs} to {outputs} features is applied to a tensor of shape {x}");
        var rows = x.Rank == 2 ? x : Reshape(x, Product(x.Dims.AsSpan(..^1)), inputs);
        var y = new TorchTensor(builder.Op("Gemm", [rows.Value, weight.Value, bias?.Value ?? default], ("transB", 1)), x.Type, rows.Dims[0], outputs);
        return x.Rank == 2 ? y : Reshape(y, [.. x.Dims[..^1], outputs]);
    }

    /// <summary><c>torch.nn.functional.bilinear</c>: weight [out, in1, in2].</summary>
    public TorchTensor Bilinear(TorchTensor a, TorchTensor b, TorchTensor weight, TorchTensor? bias)
    {
        RequireRank(a, "a bilinear layer", 2);
        var y = new TorchTensor(builder.Op("Einsum", [a.Value, weight.Value, b.Value], ("equation", "bi,oij,bj->bo")), a.Type, a.Dims[0], weight.Dims[0]);
        return bias is { } offset ? Binary("Add", y, offset) : y;
    }

    /// <summary><c>torch.matmul</c>.</summary>
    public TorchTensor MatMul(TorchTensor a, TorchTensor b)
    {
        if (a.Rank == 0 || b.Rank == 0 || a.Dims[^1] != b.Dims[b.Rank == 1 ? 0 : ^2]) throw Error($"matrices of shape {a} and {b} cannot be multiplied");
        var batch = Broadcast(a.Rank > 2 ? a.Dims[..^2] : [], b.Rank > 2 ? b.Dims[..^2] : []);
        Dim[] dims = [.. batch, .. a.Rank > 1 ? [a.Dims[^2]] : Array.Empty<Dim>(), .. b.Rank > 1 ? [b.Dims[^1]] : Array.Empty<Dim>()];
        return new(builder.Op("MatMul", [a.Value, b.Value]), a.Type, dims);
    }

    /// <summary><c>torch.nn.functional.embedding</c>: weight [entries, features].</summary>
    public TorchTensor Embedding(TorchTensor indices, TorchTensor weight) =>
        new(builder.Op("Gather", [weight.Value, indices.Value], ("axis", 0)), DataType.Float, [.. indices.Dims, .. weight.Dims[1..]]);

    /// <summary><c>torch.convolution</c>: weight [out, in / groups, kernel…], transposed [in, out / groups, kernel…].</summary>
    /// <param name="x">[batch, channels, positions…].</param>
    /// <param name="weight">The filters.</param>
    /// <param name="bias">[out], or none.</param>
    /// <param name="stride">Step in each direction.</param>
    /// <param name="before">Zeros in front, in each direction.</param>
    /// <param name="after">Zeros behind.</param>
    /// <param name="dilation">Distance of the taps.</param>
    /// <param name="groups">Groups of channels that do not mix.</param>
    public TorchTensor Convolution(TorchTensor x, TorchTensor weight, TorchTensor? bias, long[] stride, long[] before, long[] after, long[] dilation, long groups)
    {
        RequireRank(x, $"a convolution in {weight.Rank - 2} directions", weight.Rank);
        long[] kernel = [.. weight.Dims[2..].Select(d => d.Size)];
        if (x.Dims[1] != Of(weight.Dims[1].Size * groups)) throw Error($"a convolution of {weight.Dims[1].Size * groups} channels is applied to a tensor of shape {x}");
        Dim[] dims = [x.Dims[0], weight.Dims[0], .. kernel.Select((k, i) => Windows(x, i, k, stride[i], before[i] + after[i], dilation[i]))];
        return new(
            builder.Op("Conv", [x.Value, weight.Value, bias?.Value ?? default],
                ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. before, .. after]), ("dilations", dilation), ("group", groups)),
            x.Type, dims);
    }

    /// <summary><c>torch.nn.functional.conv_transpose1d</c> to 3d.</summary>
    public TorchTensor ConvolutionTranspose(TorchTensor x, TorchTensor weight, TorchTensor? bias, long[] stride, long[] padding, long[] outputPadding, long[] dilation, long groups)
    {
        RequireRank(x, $"a transposed convolution in {weight.Rank - 2} directions", weight.Rank);
        long[] kernel = [.. weight.Dims[2..].Select(d => d.Size)];
        if (x.Dims[1] != weight.Dims[0]) throw Error($"a transposed convolution of {weight.Dims[0]} channels is applied to a tensor of shape {x}");
        Dim[] dims =
        [
            x.Dims[0], Of(weight.Dims[1].Size * groups),
            .. kernel.Select((k, i) => Of(((FixedSize(x.Dims[i + 2], "a transposed convolution") - 1) * stride[i]) - (2 * padding[i]) + (dilation[i] * (k - 1)) + outputPadding[i] + 1)),
        ];
        return new(
            builder.Op("ConvTranspose", [x.Value, weight.Value, bias?.Value ?? default],
                ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. padding, .. padding]), ("output_padding", outputPadding), ("dilations", dilation), ("group", groups)),
            x.Type, dims);
    }

    /// <summary><c>torch.nn.functional.batch_norm</c> with running statistics; <paramref name="momentum"/> is PyTorch's, the share of the batch.</summary>
    public TorchTensor BatchNorm(TorchTensor x, TorchTensor? weight, TorchTensor? bias, TorchTensor mean, TorchTensor variance, double epsilon, double momentum)
    {
        var channels = Channels(x, mean);
        return x.With(builder.Op("BatchNormalization",
            [x.Value, weight?.Value ?? Filled(1, channels), bias?.Value ?? Filled(0, channels), mean.Value, variance.Value],
            ("epsilon", (float)epsilon), ("momentum", (float)(1 - momentum))));
    }

    /// <summary><c>torch.nn.functional.batch_norm</c> by the statistics of the batch, where none are kept.</summary>
    public TorchTensor BatchNormOfBatch(TorchTensor x, TorchTensor? weight, TorchTensor? bias, double epsilon)
    {
        long[] over = [0, .. Enumerable.Range(2, Math.Max(0, x.Rank - 2)).Select(i => (long)i)];
        return Affine(Normalised(x, Reduce("ReduceMean", x, true, over), over, epsilon), weight, bias);
    }

    /// <summary>Normalises by statistics that are given and not trained.</summary>
    public TorchTensor NormBy(TorchTensor x, TorchTensor? weight, TorchTensor? bias, TorchTensor mean, TorchTensor variance, double epsilon)
    {
        var y = Binary("Div", Binary("Sub", x, PerChannel(x, mean)), Unary("Sqrt", Binary("Add", PerChannel(x, variance), epsilon)));
        return Affine(y, weight, bias);
    }

    /// <summary><c>torch.nn.functional.layer_norm</c> over the last dimensions, as many as <paramref name="rank"/>.</summary>
    public TorchTensor LayerNorm(TorchTensor x, int rank, TorchTensor? weight, TorchTensor? bias, double epsilon)
    {
        if (rank < 1 || rank > x.Rank) throw Error($"layer normalisation over {rank} dimensions is applied to a tensor of shape {x}");
        Value scale;
        if (weight is { } given)
        {
            scale = given.Value;
        }
        else
        {
            long[] shape = [.. x.Dims[^rank..].Select(d => FixedSize(d, "layer normalisation"))];
            scale = Constant(Repeated(1, shape.Aggregate(1L, (a, b) => checked(a * b))), shape).Value;
        }

        return x.With(builder.Op("LayerNormalization", [x.Value, scale, bias?.Value ?? default], ("axis", (long)-rank), ("epsilon", (float)epsilon)));
    }

    /// <summary><c>torch.nn.functional.group_norm</c>.</summary>
    public TorchTensor GroupNorm(TorchTensor x, long groups, TorchTensor? weight, TorchTensor? bias, double epsilon)
    {
        var channels = x.Rank < 3 ? throw Error($"group normalisation is applied to a tensor of shape {x}; it takes channels and positions") : x.Dims[1].Size;
        if (groups < 1 || channels % groups != 0) throw Error($"{channels} channels do not make {groups} groups");
        if (opset >= 21)
            return x.With(builder.Op("GroupNormalization", [x.Value, weight?.Value ?? Filled(1, channels), bias?.Value ?? Filled(0, channels)], ("num_groups", groups), ("epsilon", (float)epsilon)));
        var grouped = Reshape(x, x.Dims[0], Of(groups), Of(channels / groups * Product(x.Dims.AsSpan(2)).Size));
        return Affine(Reshape(InstanceNorm(grouped, null, null, epsilon), x.Dims), weight, bias);
    }

    /// <summary><c>torch.nn.functional.instance_norm</c> by each sample's own statistics.</summary>
    public TorchTensor InstanceNorm(TorchTensor x, TorchTensor? weight, TorchTensor? bias, double epsilon)
    {
        if (x.Rank < 3) throw Error($"instance normalisation is applied to a tensor of shape {x}; it takes a batch, channels and positions");
        var channels = x.Dims[1].Size;
        return x.With(builder.Op("InstanceNormalization", [x.Value, weight?.Value ?? Filled(1, channels), bias?.Value ?? Filled(0, channels)], ("epsilon", (float)epsilon)));
    }

    /// <summary><c>torch.nn.functional.local_response_norm</c>.</summary>
    public TorchTensor LocalResponseNorm(TorchTensor x, long size, double alpha, double beta, double k)
    {
        if (x.Rank < 3) throw Error($"local response normalisation is applied to a tensor of shape {x}; it takes a batch, channels and positions");
        if (size % 2 == 1)
            return Unary("LRN", x, ("size", size), ("alpha", (float)alpha), ("beta", (float)beta), ("bias", (float)k));

        // An even window lies one channel further ahead than ONNX's.
        var squares = Reshape(Binary("Mul", x, x), x.Dims[0], Of(1), x.Dims[1], Product(x.Dims.AsSpan(2)));
        var padded = Pad(squares, "constant", 0, 0, 0, size / 2, (size - 1) / 2);
        var mean = Reshape(AveragePool(padded, [size, 1], [1, 1], [0, 0], false, false, null), x.Dims);
        return Binary("Div", x, Binary("Pow", Binary("Add", Binary("Mul", mean, alpha), k), beta));
    }

    /// <summary>Attention of several heads on queries, keys and values that were projected, each [length, batch, features].</summary>
    public TorchTensor Attention(TorchTensor query, TorchTensor key, TorchTensor value, long heads)
    {
        var features = query.Dims[^1].Size;
        if (heads < 1 || features % heads != 0) throw Error($"{features} features do not make {heads} heads");

        // [length, batch, features] to [batch, heads, length, features / heads].
        TorchTensor PerHead(TorchTensor t) => Permute(Unflatten(t, 2, heads, t.Dims[^1].Size / heads), 1, 2, 0, 3);
        return Flatten(Permute(ScaledDotProduct(PerHead(query), PerHead(key), PerHead(value), null, null), 2, 0, 1, 3), 2, 3);
    }

    /// <summary><c>torch.nn.functional.scaled_dot_product_attention</c>.</summary>
    public TorchTensor ScaledDotProduct(TorchTensor query, TorchTensor key, TorchTensor value, TorchTensor? mask, double? scale)
    {
        var scores = MatMul(Binary("Mul", query, scale ?? 1 / Math.Sqrt(query.Dims[^1].Size)), Transpose(key, -2, -1));
        if (mask is { } added) scores = Binary("Add", scores, added);
        return MatMul(Softmax(scores, -1), value);
    }

    private long Channels(TorchTensor x, TorchTensor perChannel)
    {
        if (x.Rank < 2 || x.Dims[1] != perChannel.Dims[0]) throw Error($"normalisation of {perChannel.Dims[0]} channels is applied to a tensor of shape {x}");
        return x.Dims[1].Size;
    }

    private TorchTensor Normalised(TorchTensor x, TorchTensor mean, long[] over, double epsilon)
    {
        var centred = Binary("Sub", x, mean);
        var variance = Reduce("ReduceMean", Binary("Mul", centred, centred), true, over);
        return Binary("Div", centred, Unary("Sqrt", Binary("Add", variance, epsilon)));
    }

    private TorchTensor Affine(TorchTensor x, TorchTensor? weight, TorchTensor? bias)
    {
        if (weight is { } scale) x = Binary("Mul", x, PerChannel(x, scale));
        return bias is { } offset ? Binary("Add", x, PerChannel(x, offset)) : x;
    }

    // [channels] to [channels, 1, …], which stretches over the positions.
    private TorchTensor PerChannel(TorchTensor x, TorchTensor vector) =>
        x.Rank == 2 ? vector : Reshape(vector, [vector.Dims[0], .. Fixed([.. Enumerable.Repeat(1L, x.Rank - 2)])]);

    private Dim Windows(TorchTensor x, int direction, long kernel, long stride, long padding, long dilation)
    {
        var size = FixedSize(x.Dims[direction + 2], "a window");
        var reach = (dilation * (kernel - 1)) + 1;
        if (stride < 1 || size + padding < reach) throw Error($"a window of {reach} positions with steps of {stride} does not fit a tensor of shape {x}");
        return Of(((size + padding - reach) / stride) + 1);
    }
}
