namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// Gradient of a (transposed) convolution by its weights: for every kernel offset the product of the dense side,
/// shifted by the offset, with the strided side, summed over samples and positions.
/// </summary>
/// <remarks>Which way is the fastest depends on the shape; the bounds were measured on the CPU provider.</remarks>
internal sealed class WeightGradient
{
    // Up to this many channels one product of unfolded patches beats one per kernel offset.
    private const long FewChannels = 32;

    // As few channels as an image has: shifting both sides, too, costs more than it saves.
    private const long ImageChannels = 4;

    private readonly GradientContext g;
    private readonly Value dense;
    private readonly Dim[] denseShape;
    private readonly Value strided;
    private readonly Dim[] stridedShape;
    private readonly Window window;
    private readonly long group;
    private readonly long rows;
    private readonly long columns;
    private readonly long positions;

    private WeightGradient(GradientContext g, Value dense, Dim[] denseShape, Value strided, Dim[] stridedShape, Window window, long group)
    {
        this.g = g;
        this.dense = dense;
        this.denseShape = denseShape;
        this.strided = strided;
        this.stridedShape = stridedShape;
        this.window = window;
        this.group = group;
        rows = stridedShape[1].Size / group;
        columns = denseShape[1].Size / group;
        positions = stridedShape[2..].Aggregate(1L, (n, d) => n * d.Size);
    }

    private GraphBuilder B => g.B;

    /// <param name="g">The node.</param>
    /// <param name="dense">Tensor that the window slides over: the input of Conv, the output gradient of ConvTranspose.</param>
    /// <param name="denseShape">Its shape.</param>
    /// <param name="strided">Tensor with one position per window: the output gradient of Conv, the input of ConvTranspose.</param>
    /// <param name="stridedShape">Its shape.</param>
    /// <param name="window">The sliding window.</param>
    /// <param name="group">Number of groups.</param>
    /// <param name="weight">Shape of the weights, [strided channels, dense channels / group, kernel…].</param>
    public static Value Emit(GradientContext g, Value dense, Dim[] denseShape, Value strided, Dim[] stridedShape, Window window, long group, Dim[] weight)
    {
        var emitter = new WeightGradient(g, dense, denseShape, strided, stridedShape, window, group);
        var gradient = emitter.Choose();
        return g.B.Op("Reshape", [gradient, g.B.Ints([.. weight.Select(d => d.Size)])]);
    }

    private Value Choose()
    {
        if (rows == 1 && columns == 1) return Depthwise();
        if (group == 1 && window.Taps > 1 && columns <= FewChannels)
        {
            if (columns > ImageChannels && rows <= FewChannels && window.Rank == 2 && window.IsUnitStride && ReachesFit()) return ShiftedBothWays();
            if (columns > ImageChannels && window.Rank == 2 && !window.IsUnitStride) return Selected();
            if (columns <= ImageChannels) return Unfolded();
        }

        // Per sample, products the size of the weights; over the whole batch, transposed copies of both sides.
        return group == 1 && rows * columns > positions * (rows + columns) ? OverBatch() : PerSample();
    }

    private Value Depthwise()
    {
        var padded = Pad();
        var taps = window.Offsets().Select(offset => B.Op("Unsqueeze", [g.DotPerChannel(strided, Shift(padded, offset), stridedShape), B.Ints(1)]));
        return Join([.. taps], 1);
    }

    private Value PerSample()
    {
        var padded = Pad();
        var left = B.Op("Reshape", [strided, B.Ints(-1, group, rows, positions)]);
        return Join([.. window.Offsets().Select(offset => Tap(left, Shift(padded, offset)))], 2);

        Value Tap(Value left, Value shifted)
        {
            var product = Product(left, B.Op("Reshape", [shifted, B.Ints(-1, group, columns, positions)]), 4);
            return B.Op("Reshape", [g.Sum(product, false, 0), B.Ints(rows * group, columns, 1)]);
        }
    }

    private Value OverBatch()
    {
        var left = ByChannel(strided, rows);
        var padded = Pad();
        return Join([.. window.Offsets().Select(offset => B.Op("Unsqueeze", [Product(left, ByChannel(Shift(padded, offset), columns), 2), B.Ints(2)]))], 2);

        Value ByChannel(Value value, long channels)
        {
            var order = Enumerable.Range(0, stridedShape.Length).Select(i => (long)i).ToArray();
            (order[0], order[1]) = (1, 0);
            return B.Op("Reshape", [B.Op("Transpose", [value], ("perm", order)), B.Ints(channels, -1)]);
        }
    }

    // im2col: every offset's copy of the dense side below the other, one product per sample. The patches stand on the
    // left: the runtime packs the right side anew for every product.
    private Value Unfolded()
    {
        var padded = Pad();
        var patches = B.Op("Concat", [.. window.Offsets().Select(offset => Shift(padded, offset))], ("axis", 1L));
        var left = B.Op("Reshape", [patches, B.Ints(-1, window.Taps * columns, positions)]);
        var product = Product(left, B.Op("Reshape", [strided, B.Ints(-1, rows, positions)]), 3);
        var summed = B.Op("Reshape", [g.Sum(product, false, 0), B.Ints(window.Taps, columns, rows)]);
        return B.Op("Transpose", [summed], ("perm", new long[] { 2, 1, 0 }));
    }

    // The dense side shifted along the height, the strided side against it along the width: kh + kw copies instead of kh·kw.
    private Value ShiftedBothWays()
    {
        var (kh, kw) = (window.Kernel[0], window.Kernel[1]);
        var (height, width) = (stridedShape[2].Size, denseShape[3].Size);
        var dilation = window.Dilations[1];
        var reach = (kw - 1) * dilation;
        var tall = PadTo(dense, [window.PadsBegin[0], 0], [window.PadsEnd[0], 0]);
        var wide = PadTo(strided, [0, reach - window.PadsBegin[1]], [0, reach - window.PadsEnd[1]]);
        var down = Enumerable.Range(0, (int)kh).Select(i => Slice(dense, tall, 2, i * window.Dilations[0], window.PadsBegin[0], height));
        var across = Enumerable.Range(0, (int)kw).Select(j => Slice(strided, wide, 3, reach - (j * dilation), reach - window.PadsBegin[1], width));
        var left = B.Op("Reshape", [B.Op("Concat", [.. across], ("axis", 1L)), B.Ints(-1, kw * rows, height * width)]);
        var right = B.Op("Reshape", [B.Op("Concat", [.. down], ("axis", 1L)), B.Ints(-1, kh * columns, height * width)]);
        var summed = B.Op("Reshape", [g.Sum(Product(left, right, 3), false, 0), B.Ints(kw, rows, kh, columns)]);
        return B.Op("Transpose", [summed], ("perm", new long[] { 1, 3, 2, 0 }));

        // The tensor itself where a slice would give it back.
        Value Slice(Value whole, Value padded, int axis, long start, long pad, long size) =>
            start == pad && (whole == dense ? denseShape : stridedShape)[axis].Size == size
                ? whole
                : B.Op("Slice", [padded, B.Ints(start), B.Ints(start + size), B.Ints(axis)]);
    }

    // im2col by products with matrices of zeros and ones: strided copies go element by element, products do not.
    private Value Selected()
    {
        var (kh, kw) = (window.Kernel[0], window.Kernel[1]);
        var (height, width) = (denseShape[2].Size, denseShape[3].Size);
        var (down, across) = (stridedShape[2].Size, stridedShape[3].Size);
        var byWidth = B.Floats(Selection(1, transposed: true), kw, width, across);
        var byHeight = B.Floats(Selection(0, transposed: false), kh * down, height);
        var half = B.Op("MatMul", [B.Op("Reshape", [dense, B.Ints(1, -1, width)]), byWidth]);
        var patches = B.Op("MatMul", [byHeight, B.Op("Reshape", [half, B.Ints(kw, -1, height, across)])]);
        var left = B.Op("Reshape", [patches, B.Ints(kw, -1, columns * kh, positions)]);
        var product = Product(left, B.Op("Reshape", [strided, B.Ints(1, -1, rows, positions)]), 4);
        var summed = B.Op("Reshape", [g.Sum(product, false, 1), B.Ints(kw, columns, kh, rows)]);
        return B.Op("Transpose", [summed], ("perm", new long[] { 3, 1, 2, 0 }));
    }

    // Per kernel offset the matrix [strided size, dense size], or its transpose, that takes what each window sees there.
    private float[] Selection(int axis, bool transposed)
    {
        var (taps, steps, size) = ((int)window.Kernel[axis], (int)stridedShape[2 + axis].Size, (int)denseShape[2 + axis].Size);
        var matrix = new float[taps * steps * size];
        for (var tap = 0; tap < taps; tap++)
        {
            for (var step = 0; step < steps; step++)
            {
                var at = (step * window.Strides[axis]) + (tap * window.Dilations[axis]) - window.PadsBegin[axis];
                if (at < 0 || at >= size) continue;
                matrix[(tap * steps * size) + (int)(transposed ? (at * steps) + step : (step * size) + at)] = 1f;
            }
        }

        return matrix;
    }

    private bool ReachesFit()
    {
        var reach = (window.Kernel[1] - 1) * window.Dilations[1];
        return reach >= window.PadsBegin[1] && reach >= window.PadsEnd[1]
            && stridedShape[3].Size == denseShape[3].Size + window.PadsBegin[1] + window.PadsEnd[1] - reach
            && stridedShape[2].Size == denseShape[2].Size + window.PadsBegin[0] + window.PadsEnd[0] - ((window.Kernel[0] - 1) * window.Dilations[0]);
    }

    private Value Join(Value[] taps, long axis) => taps.Length == 1 ? taps[0] : B.Op("Concat", taps, ("axis", axis));

    // left · rightᵀ, batched over the leading dimensions.
    private Value Product(Value left, Value right, int rank)
    {
        if (!g.Portable) return B.ContribOp("FusedMatMul", [left, right], ("transB", 1L));
        var order = Enumerable.Range(0, rank).Select(i => (long)i).ToArray();
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return B.Op("MatMul", [left, B.Op("Transpose", [right], ("perm", order))]);
    }

    private Value Pad()
    {
        var ends = new long[window.Rank];
        for (var i = 0; i < window.Rank; i++)
        {
            var reach = ((stridedShape[2 + i].Size - 1) * window.Strides[i]) + ((window.Kernel[i] - 1) * window.Dilations[i]) + 1;
            ends[i] = Math.Max(0, reach - denseShape[2 + i].Size - window.PadsBegin[i]);
        }

        return PadTo(dense, window.PadsBegin, ends);
    }

    private Value PadTo(Value value, long[] begin, long[] end) =>
        begin.All(p => p == 0) && end.All(p => p == 0) ? value : B.Op("Pad", [value, B.Ints([0, 0, .. begin, 0, 0, .. end])]);

    private Value Shift(Value padded, long[] offset)
    {
        var starts = new long[window.Rank];
        var ends = new long[window.Rank];
        var axes = new long[window.Rank];
        for (var i = 0; i < window.Rank; i++)
        {
            axes[i] = i + 2;
            starts[i] = offset[i] * window.Dilations[i];
            ends[i] = starts[i] + ((stridedShape[2 + i].Size - 1) * window.Strides[i]) + 1;
        }

        return B.Op("Slice", [padded, B.Ints(starts), B.Ints(ends), B.Ints(axes), B.Ints(window.Strides)]);
    }
}
