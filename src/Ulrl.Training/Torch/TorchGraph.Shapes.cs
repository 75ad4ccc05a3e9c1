using Ulrl.Training.Autodiff;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Torch;

/// <content>Shapes, slices and joins.</content>
internal sealed partial class TorchGraph
{
    /// <summary>The same elements in another shape; at most one of its dimensions may depend on the batch.</summary>
    public TorchTensor Reshape(TorchTensor x, params Dim[] dims)
    {
        if (Product(dims) != Product(x.Dims)) throw Error($"a tensor of shape {x} does not hold the elements of [{string.Join(", ", dims)}]; where the batch goes into other dimensions, export with a fixed batch");
        if (dims.Count(d => !d.IsFixed) > 1) throw Error($"the shape [{string.Join(", ", dims)}] depends on the batch in more than one dimension; export with a fixed batch");
        if (dims.AsSpan().SequenceEqual(x.Dims)) return x;
        if (x.Rank > 2 && dims.Length == 2 && dims[0] == x.Dims[0]) return new(builder.Op("Flatten", [x.Value], ("axis", 1)), x.Type, dims);
        return new(builder.Op("Reshape", [x.Value, Ints([.. dims.Select(d => d.OrMinusOne)])]), x.Type, dims);
    }

    /// <summary><c>torch.reshape</c>: one size may be −1.</summary>
    public TorchTensor View(TorchTensor x, params Dim[] sizes)
    {
        var open = Array.IndexOf(sizes, Of(-1));
        if (open < 0) return Reshape(x, sizes);
        var (all, known) = (Product(x.Dims), Product([.. sizes.Where((_, i) => i != open)]));
        if (known.First <= 0 || known.Second <= 0 || all.First % known.First != 0 || all.Second % known.Second != 0)
            throw Error($"a tensor of shape {x} cannot be viewed as [{string.Join(", ", sizes)}]; where the batch goes into other dimensions, export with a fixed batch");
        Dim[] dims = [.. sizes];
        dims[open] = new Dim(all.First / known.First, all.Second / known.Second);
        return Reshape(x, dims);
    }

    /// <summary><c>torch.flatten</c>.</summary>
    public TorchTensor Flatten(TorchTensor x, long start = 1, long end = -1)
    {
        if (x.Rank == 0) return Reshape(x, Of(1));
        var (from, to) = (x.Axis(start), x.Axis(end));
        if (from < 0 || to >= x.Rank || from > to) throw Error($"a tensor of shape {x} has no dimensions {start} to {end} to flatten");
        return Reshape(x, [.. x.Dims[..from], Product(x.Dims.AsSpan(from..(to + 1))), .. x.Dims[(to + 1)..]]);
    }

    /// <summary><c>torch.unflatten</c>: one size may be −1.</summary>
    public TorchTensor Unflatten(TorchTensor x, long dim, params ReadOnlySpan<long> sizes)
    {
        var axis = CheckedAxis(x, dim);
        return View(x, [.. x.Dims[..axis], .. Fixed(sizes), .. x.Dims[(axis + 1)..]]);
    }

    /// <summary><c>torch.permute</c>.</summary>
    public TorchTensor Permute(TorchTensor x, params ReadOnlySpan<long> order)
    {
        var axes = new long[order.Length];
        for (var i = 0; i < axes.Length; i++) axes[i] = CheckedAxis(x, order[i]);
        if (axes.Length != x.Rank || axes.Distinct().Count() != axes.Length) throw Error($"[{string.Join(", ", axes)}] is no order of the dimensions of {x}");
        return new(builder.Op("Transpose", [x.Value], ("perm", axes)), x.Type, [.. axes.Select(a => x.Dims[a])]);
    }

    /// <summary><c>torch.transpose</c>.</summary>
    public TorchTensor Transpose(TorchTensor x, long a, long b)
    {
        long[] order = [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)];
        var (first, second) = (CheckedAxis(x, a), CheckedAxis(x, b));
        (order[first], order[second]) = (order[second], order[first]);
        return Permute(x, order);
    }

    /// <summary><c>torch.squeeze</c> of one dimension; nothing happens where its size is not 1.</summary>
    public TorchTensor Squeeze(TorchTensor x, long dim)
    {
        var axis = CheckedAxis(x, dim);
        return x.Dims[axis].IsOne ? new(builder.Op("Squeeze", [x.Value, Ints(axis)]), x.Type, [.. x.Dims[..axis], .. x.Dims[(axis + 1)..]]) : x;
    }

    /// <summary><c>torch.unsqueeze</c>.</summary>
    public TorchTensor Unsqueeze(TorchTensor x, long dim)
    {
        var axis = (int)(dim < 0 ? dim + x.Rank + 1 : dim);
        if (axis < 0 || axis > x.Rank) throw Error($"a tensor of shape {x} takes no new dimension {dim}");
        return new(builder.Op("Unsqueeze", [x.Value, Ints(axis)]), x.Type, [.. x.Dims[..axis], Of(1), .. x.Dims[axis..]]);
    }

    /// <summary><c>torch.Tensor.expand</c> to sizes of which −1 keeps the tensor's own.</summary>
    public TorchTensor Expand(TorchTensor x, TorchTensor? batchOf, params Dim[] sizes)
    {
        var added = sizes.Length - x.Rank;
        var dims = new Dim[sizes.Length];
        for (var i = 0; i < dims.Length; i++) dims[i] = sizes[i] == Of(-1) && i >= added ? x.Dims[i - added] : sizes[i];
        if (dims.AsSpan().SequenceEqual(x.Dims)) return x;
        var open = Enumerable.Range(0, dims.Length).Where(i => !dims[i].IsFixed).ToList();
        if (open.Count == 0 || open.All(i => i >= added && x.Dims[i - added] == dims[i]))
            return new(builder.Op("Expand", [x.Value, Ints([.. dims.Select(d => d.IsFixed ? d.Size : 1)])]), x.Type, Broadcast(x.Dims, dims));
        if (open.Count > 1 || dims[open[0]] != new Dim(Dim.FirstBatch, Dim.SecondBatch) || batchOf is not { } source)
            throw Error($"a tensor of shape {x} is expanded to [{string.Join(", ", dims)}], which depends on the batch; export with a fixed batch");
        var axis = Array.FindIndex(source.Dims, d => d == dims[open[0]]);
        var batch = builder.Op("Shape", [source.Value], ("start", (long)axis), ("end", axis + 1L));
        Value[] parts = [.. open[0] > 0 ? [Ints([.. dims[..open[0]].Select(d => d.Size)])] : Array.Empty<Value>(), batch, .. open[0] < dims.Length - 1 ? [Ints([.. dims[(open[0] + 1)..].Select(d => d.Size)])] : Array.Empty<Value>()];
        var shape = parts.Length == 1 ? batch : builder.Op("Concat", parts, ("axis", 0L));
        return new(builder.Op("Expand", [x.Value, shape]), x.Type, dims);
    }

    /// <summary><c>torch.cat</c>.</summary>
    public TorchTensor Concat(long dim, params ReadOnlySpan<TorchTensor> tensors)
    {
        if (tensors.Length == 0) throw Error("nothing is concatenated");
        var axis = CheckedAxis(tensors[0], dim);
        Dim[] dims = [.. tensors[0].Dims];
        Span<Value> values = new Value[tensors.Length];
        values[0] = tensors[0].Value;
        for (var i = 1; i < tensors.Length; i++)
        {
            var other = tensors[i].Dims;
            if (other.Length != dims.Length || Enumerable.Range(0, dims.Length).Any(a => a != axis && other[a] != dims[a]))
                throw Error($"tensors of shape {tensors[0]} and {tensors[i]} cannot be joined along dimension {dim}");
            dims[axis] = new Dim(dims[axis].First + other[axis].First, dims[axis].Second + other[axis].Second);
            values[i] = tensors[i].Value;
        }

        return tensors.Length == 1 ? tensors[0] : new(builder.Op("Concat", values, ("axis", (long)axis)), tensors[0].Type, dims);
    }

    /// <summary><c>torch.Tensor[..., start:end:step, ...]</c> of one dimension.</summary>
    public TorchTensor Slice(TorchTensor x, long dim, long? start, long? end, long step = 1)
    {
        var axis = CheckedAxis(x, dim);
        if (start is null or 0 && end is null or long.MaxValue && step == 1) return x;
        var size = FixedSize(x.Dims[axis], "a slice");
        var from = Bound(start ?? 0, size);
        var to = Math.Max(from, Bound(end ?? size, size));
        if (step < 1) throw Error($"a slice takes steps of {step}; PyTorch takes positive ones");
        if (from == 0 && to == size && step == 1) return x;
        Dim[] dims = [.. x.Dims];
        dims[axis] = Of((to - from + step - 1) / step);
        return new(builder.Op("Slice", [x.Value, Ints(from), Ints(to), Ints(axis), Ints(step)]), x.Type, dims);
    }

    /// <summary><c>torch.select</c>: one index of a dimension, which goes.</summary>
    public TorchTensor Select(TorchTensor x, long dim, long index)
    {
        var axis = CheckedAxis(x, dim);
        var size = FixedSize(x.Dims[axis], "a selection");
        if (index < -size || index >= size) throw Error($"a tensor of shape {x} has no index {index} in dimension {dim}");
        var position = Scalar(index < 0 ? index + size : index, DataType.Int64);
        return new(builder.Op("Gather", [x.Value, position.Value], ("axis", (long)axis)), x.Type, [.. x.Dims[..axis], .. x.Dims[(axis + 1)..]]);
    }

    /// <summary><c>torch.split</c> into pieces of given sizes.</summary>
    public TorchTensor[] Split(TorchTensor x, long dim, params long[] sizes)
    {
        var axis = CheckedAxis(x, dim);
        if (sizes.Any(s => s < 0) || sizes.Sum() != FixedSize(x.Dims[axis], "a split")) throw Error($"a tensor of shape {x} cannot be split into pieces of {string.Join(", ", sizes)}");
        if (sizes.Length == 1) return [x];
        var values = builder.Ops("Split", sizes.Length, [x.Value, Ints(sizes)], ("axis", (long)axis));
        return [.. values.Select((v, i) => new TorchTensor(v, x.Type, [.. x.Dims[..axis], Of(sizes[i]), .. x.Dims[(axis + 1)..]]))];
    }

    /// <summary><c>torch.chunk</c>: so many pieces, the last of which may be smaller.</summary>
    public TorchTensor[] Chunk(TorchTensor x, long count, long dim)
    {
        var size = FixedSize(x.Dims[CheckedAxis(x, dim)], "a chunk");
        if (count < 1) throw Error($"{count} chunks are asked for");
        return SplitEvery(x, Math.Max(1, (size + count - 1) / count), dim);
    }

    /// <summary><c>torch.split</c> into pieces of one size, the last of which may be smaller.</summary>
    public TorchTensor[] SplitEvery(TorchTensor x, long piece, long dim)
    {
        var size = FixedSize(x.Dims[CheckedAxis(x, dim)], "a split");
        if (piece < 1) throw Error($"pieces of size {piece} are asked for");
        var count = (size + piece - 1) / piece;
        if (count > MaxPieces) throw Error($"a split into {count} pieces is out of proportion to any network");
        var sizes = new long[count];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = Math.Min(piece, size - (i * piece));
        return Split(x, dim, sizes);
    }

    /// <summary><c>torch.mean</c>, <c>torch.sum</c> and the like, by their ONNX operator; over all dimensions where none is given.</summary>
    public TorchTensor Reduce(string type, TorchTensor x, bool keep, params ReadOnlySpan<long> over)
    {
        var axes = new long[over.Length == 0 ? x.Rank : over.Length];
        for (var i = 0; i < axes.Length; i++) axes[i] = over.Length == 0 ? i : CheckedAxis(x, over[i]);
        if (type == "ReduceMean" && keep && x.Rank > 2 && axes.Order().SequenceEqual(Enumerable.Range(2, x.Rank - 2).Select(i => (long)i)))
            return new(builder.Op("GlobalAveragePool", [x.Value]), x.Type, [.. x.Dims[..2], .. Fixed([.. Enumerable.Repeat(1L, x.Rank - 2)])]);
        Dim[] dims = [.. x.Dims.Select((d, i) => axes.Contains(i) ? Of(1) : d).Where((_, i) => keep || !axes.Contains(i))];
        return new(builder.Op(type, [x.Value, Ints(axes)], ("keepdims", keep)), x.Type, dims);
    }

    /// <summary><c>torch.nn.functional.pad</c>: amounts for the last dimension first, before and after; negative ones cut.</summary>
    public TorchTensor Pad(TorchTensor x, string mode, double value, params ReadOnlySpan<long> amounts)
    {
        if (amounts.Length % 2 != 0 || amounts.Length > 2 * x.Rank) throw Error($"[{string.Join(", ", amounts.ToArray())}] is no padding of a tensor of shape {x}");
        if (mode == "circular") return PadCircular(x, amounts);
        var pads = new long[2 * x.Rank];
        Dim[] dims = [.. x.Dims];
        for (var i = 0; i < amounts.Length / 2; i++)
        {
            var axis = x.Rank - 1 - i;
            (pads[axis], pads[axis + x.Rank]) = (amounts[2 * i], amounts[(2 * i) + 1]);
            if (amounts[2 * i] == 0 && amounts[(2 * i) + 1] == 0) continue;
            dims[axis] = Of(FixedSize(dims[axis], "padding") + amounts[2 * i] + amounts[(2 * i) + 1]);
            if (dims[axis].Size < 0) throw Error($"padding cuts more than there is of a tensor of shape {x}");
        }

        if (pads.All(p => p == 0)) return x;
        var onnx = mode switch { "constant" => "constant", "reflect" => "reflect", "replicate" => "edge", _ => throw Error($"padding mode '{mode}' is not known") };
        return new(builder.Op("Pad", [x.Value, Ints(pads), onnx == "constant" ? Number((float)value) : default], ("mode", onnx)), x.Type, dims);
    }

    // Around the edge: what is beyond one end is what is before the other.
    private TorchTensor PadCircular(TorchTensor x, ReadOnlySpan<long> amounts)
    {
        for (var i = 0; i < amounts.Length / 2; i++)
        {
            var axis = x.Rank - 1 - i;
            var (before, after) = (amounts[2 * i], amounts[(2 * i) + 1]);
            if (before == 0 && after == 0) continue;
            var size = FixedSize(x.Dims[axis], "padding");
            if (before < 0 || after < 0 || before > size || after > size) throw Error($"circular padding of {before} and {after} does not fit a dimension of {size}");
            List<TorchTensor> parts = [x];
            if (before > 0) parts.Insert(0, Slice(x, axis, size - before, size));
            if (after > 0) parts.Add(Slice(x, axis, 0, after));
            x = Concat(axis, [.. parts]);
        }

        return x;
    }

    private static long Bound(long position, long size) => Math.Clamp(position < 0 ? position + size : position, 0, size);

    private int CheckedAxis(TorchTensor x, long dim) =>
        dim >= -x.Rank && dim < x.Rank ? x.Axis(dim) : throw Error($"a tensor of shape {x} has no dimension {dim}");
}
