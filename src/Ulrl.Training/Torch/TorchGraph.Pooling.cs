using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Torch;

/// <content>Pooling and resizing.</content>
internal sealed partial class TorchGraph
{
    /// <summary><c>torch.nn.functional.max_pool1d</c> to 3d.</summary>
    public TorchTensor MaxPool(TorchTensor x, long[] kernel, long[] stride, long[] padding, long[] dilation, bool ceil)
    {
        RequireRank(x, "a pool", kernel.Length + 2);
        var (steps, end) = Steps(x, kernel, stride, padding, dilation, ceil);
        return new(
            builder.Op("MaxPool", [x.Value], ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. padding, .. end]), ("dilations", dilation)),
            x.Type, [.. x.Dims[..2], .. Fixed(steps)]);
    }

    /// <summary><c>torch.nn.functional.avg_pool1d</c> to 3d.</summary>
    /// <param name="x">[batch, channels, positions…].</param>
    /// <param name="kernel">Size of a window.</param>
    /// <param name="stride">Steps.</param>
    /// <param name="padding">Zeros on each side.</param>
    /// <param name="ceil">Whether a last window may reach past the end; what does so is not counted.</param>
    /// <param name="countPadding">Whether zeros of the padding are counted.</param>
    /// <param name="divisor">What sums are divided by, instead of the counts.</param>
    public TorchTensor AveragePool(TorchTensor x, long[] kernel, long[] stride, long[] padding, bool ceil, bool countPadding, long? divisor)
    {
        RequireRank(x, "a pool", kernel.Length + 2);
        long[] dense = [.. kernel.Select(_ => 1L)];
        var (steps, end) = Steps(x, kernel, stride, padding, dense, ceil);
        Dim[] dims = [.. x.Dims[..2], .. Fixed(steps)];
        var zeros = new long[kernel.Length];
        var overhangs = !end.AsSpan().SequenceEqual(padding);
        if (divisor is not null || (countPadding && overhangs && padding.Any(p => p > 0)))
        {
            // Zeros that count become part of the tensor; what reaches further is padding that does not.
            x = Pad(x, "constant", 0, [.. padding.Zip(divisor is null ? padding : end).Reverse().SelectMany(p => new[] { p.First, p.Second })]);
            end = divisor is null ? [.. end.Zip(padding).Select(p => p.First - p.Second)] : zeros;
            (padding, countPadding) = (zeros, false);
        }

        if (countPadding && overhangs) countPadding = false;
        var y = new TorchTensor(
            builder.Op("AveragePool", [x.Value], ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. padding, .. end]), ("count_include_pad", countPadding)),
            x.Type, dims);
        return divisor is { } by ? Binary("Mul", y, (double)kernel.Aggregate(1L, (a, b) => a * b) / by) : y;
    }

    /// <summary><c>torch.nn.functional.lp_pool1d</c> and 2d.</summary>
    public TorchTensor LpPool(TorchTensor x, double norm, long[] kernel, long[] stride, bool ceil)
    {
        var mean = AveragePool(Binary("Pow", x, norm), kernel, stride, new long[kernel.Length], ceil, true, null);
        return Binary("Pow", Binary("Mul", mean, kernel.Aggregate(1L, (a, b) => a * b)), 1 / norm);
    }

    /// <summary><c>torch.nn.functional.adaptive_avg_pool1d</c> to 3d; a size of 0 or less keeps the tensor's own.</summary>
    public TorchTensor AdaptiveAveragePool(TorchTensor x, params ReadOnlySpan<long> sizes) =>
        Adaptive(x, sizes, "GlobalAveragePool", "ReduceMean", (t, kernel) => AveragePool(t, kernel, kernel, new long[kernel.Length], false, true, null));

    /// <summary><c>torch.nn.functional.adaptive_max_pool1d</c> to 3d.</summary>
    public TorchTensor AdaptiveMaxPool(TorchTensor x, params ReadOnlySpan<long> sizes) =>
        Adaptive(x, sizes, "GlobalMaxPool", "ReduceMax", (t, kernel) => MaxPool(t, kernel, kernel, new long[kernel.Length], [.. kernel.Select(_ => 1L)], false));

    /// <summary><c>torch.nn.functional.interpolate</c> of the dimensions behind the channels.</summary>
    /// <param name="x">[batch, channels, positions…].</param>
    /// <param name="mode">nearest, linear, bilinear, bicubic or trilinear.</param>
    /// <param name="sizes">New sizes; null where <paramref name="scales"/> are given.</param>
    /// <param name="scales">Factors.</param>
    /// <param name="alignCorners">Whether the corners stay where they are.</param>
    public TorchTensor Resize(TorchTensor x, string mode, long[]? sizes, double[]? scales, bool alignCorners)
    {
        if (x.Rank < 3) throw Error($"upsampling is applied to a tensor of shape {x}; it takes a batch, channels and positions");
        var directions = x.Rank - 2;
        if ((sizes?.Length ?? scales?.Length) != directions) throw Error($"a tensor of shape {x} is upsampled in {sizes?.Length ?? scales?.Length} directions");
        var onnx = mode switch
        {
            "nearest" => "nearest",
            "linear" or "bilinear" or "trilinear" => "linear",
            "bicubic" => "cubic",
            _ => throw Error($"upsampling mode '{mode}' has no ONNX counterpart; nearest, linear, bilinear, trilinear and bicubic have one"),
        };
        long[] next = sizes ?? [.. scales!.Select((s, i) => (long)Math.Floor(FixedSize(x.Dims[i + 2], "upsampling") * s))];
        if (next.Any(s => s < 1)) throw Error($"upsampling leaves nothing of a tensor of shape {x}");
        long[] axes = [.. Enumerable.Range(2, directions).Select(i => (long)i)];
        var coordinates = onnx == "nearest" ? "asymmetric" : alignCorners ? "align_corners" : "half_pixel";
        (string Name, object Value)[] attributes =
        [
            ("mode", onnx), ("coordinate_transformation_mode", coordinates), ("axes", axes),
            .. onnx == "nearest" ? [("nearest_mode", (object)"floor")] : Array.Empty<(string, object)>(),
            .. onnx == "cubic" ? [("cubic_coeff_a", (object)-0.75f)] : Array.Empty<(string, object)>(),
        ];
        var value = sizes is null
            ? builder.Op("Resize", [x.Value, default, Constant([.. scales!.Select(s => (float)s)], directions).Value], attributes)
            : builder.Op("Resize", [x.Value, default, default, Ints(next)], attributes);
        return new(value, x.Type, [.. x.Dims[..2], .. Fixed(next)]);
    }

    /// <summary><c>torch.nn.functional.pixel_shuffle</c>.</summary>
    public TorchTensor PixelShuffle(TorchTensor x, long factor)
    {
        RequireRank(x, "pixel shuffling", 4);
        if (x.Dims[1].Size % (factor * factor) != 0) throw Error($"the channels of {x} are no multiple of {factor * factor}");
        return new(builder.Op("DepthToSpace", [x.Value], ("blocksize", factor), ("mode", "CRD")), x.Type,
            x.Dims[0], Of(x.Dims[1].Size / (factor * factor)), Of(FixedSize(x.Dims[2], "pixel shuffling") * factor), Of(FixedSize(x.Dims[3], "pixel shuffling") * factor));
    }

    /// <summary><c>torch.nn.functional.pixel_unshuffle</c>.</summary>
    public TorchTensor PixelUnshuffle(TorchTensor x, long factor)
    {
        RequireRank(x, "pixel unshuffling", 4);
        var (channels, height, width) = (x.Dims[1].Size, FixedSize(x.Dims[2], "pixel unshuffling") / factor, FixedSize(x.Dims[3], "pixel unshuffling") / factor);
        var split = Reshape(x, x.Dims[0], Of(channels), Of(height), Of(factor), Of(width), Of(factor));
        return Reshape(Permute(split, 0, 1, 3, 5, 2, 4), x.Dims[0], Of(channels * factor * factor), Of(height), Of(width));
    }

    /// <summary><c>torch.nn.functional.channel_shuffle</c>.</summary>
    public TorchTensor ChannelShuffle(TorchTensor x, long groups)
    {
        if (x.Rank < 3 || groups < 1 || x.Dims[1].Size % groups != 0) throw Error($"the channels of {x} do not make {groups} groups");
        var split = Reshape(x, [x.Dims[0], Of(groups), Of(x.Dims[1].Size / groups), .. x.Dims[2..]]);
        return Reshape(Transpose(split, 1, 2), x.Dims);
    }

    private TorchTensor Adaptive(TorchTensor x, ReadOnlySpan<long> sizes, string whole, string reduce, Func<TorchTensor, long[], TorchTensor> pool)
    {
        RequireRank(x, "an adaptive pool", sizes.Length + 2);
        long[] from = [.. x.Dims[2..].Select(d => FixedSize(d, "an adaptive pool"))];
        var to = sizes.ToArray();
        for (var i = 0; i < to.Length; i++) to[i] = to[i] > 0 ? to[i] : from[i];
        if (from.AsSpan().SequenceEqual(to)) return x;
        if (to.All(s => s == 1)) return new(builder.Op(whole, [x.Value]), x.Type, [.. x.Dims[..2], .. Fixed(to)]);
        if (from.Zip(to).All(s => s.First % s.Second == 0)) return pool(x, [.. from.Zip(to).Select(s => s.First / s.Second)]);
        for (var i = 0; i < to.Length; i++) x = Regions(x, i + 2, to[i], reduce);
        return x;
    }

    // Region i of n spans floor(i·size/n) to ceil((i+1)·size/n); where n does not divide the size, they overlap.
    private TorchTensor Regions(TorchTensor x, int axis, long count, string reduce)
    {
        var size = x.Dims[axis].Size;
        if (size == count) return x;
        if (size == 1) return Expand(x, null, [.. x.Dims.Select((d, i) => i == axis ? Of(count) : d)]);
        if (count > MaxPieces) throw Error($"an adaptive pool of {count} regions is out of proportion to any network");
        var regions = new TorchTensor[count];
        for (var i = 0L; i < count; i++)
        {
            var region = Slice(x, axis, i * size / count, (((i + 1) * size) + count - 1) / count);
            regions[i] = Reduce(reduce, region, true, axis);
        }

        return Concat(axis, regions);
    }

    // Number of windows, and the padding behind that makes them fit.
    private (long[] Steps, long[] End) Steps(TorchTensor x, long[] kernel, long[] stride, long[] padding, long[] dilation, bool ceil)
    {
        var steps = new long[kernel.Length];
        var end = new long[kernel.Length];
        for (var i = 0; i < kernel.Length; i++)
        {
            steps[i] = Windows(x, i, kernel[i], stride[i], 2 * padding[i], dilation[i]).Size;
            end[i] = padding[i];
            if (!ceil) continue;
            var size = x.Dims[i + 2].Size;
            var reach = (dilation[i] * (kernel[i] - 1)) + 1;
            var rounded = ((size + (2 * padding[i]) - reach + stride[i] - 1) / stride[i]) + 1;

            // A last window must begin inside the tensor or the padding in front of it.
            if ((rounded - 1) * stride[i] >= size + padding[i]) rounded--;
            steps[i] = rounded;
            end[i] = Math.Max(0, ((rounded - 1) * stride[i]) + reach - size - padding[i]);
        }

        return (steps, end);
    }
}
