namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// Gradient of a (transposed) convolution by its weights: for every kernel offset the product of the dense side,
/// shifted by the offset, with the strided side, summed over samples and positions.
/// </summary>
internal static class WeightGradient
{
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
        var b = g.B;
        var rows = stridedShape[1].Size / group;
        var columns = denseShape[1].Size / group;
        var positions = stridedShape[2..].Aggregate(1L, (n, d) => n * d.Size);
        var padded = Pad(g, dense, denseShape, stridedShape, window);
        var depthwise = rows == 1 && columns == 1;
        var left = depthwise ? strided : b.Op("Reshape", [strided, b.Ints(-1, group, rows, positions)]);
        var taps = new List<Value>();
        foreach (var offset in window.Offsets())
        {
            var shifted = Shift(g, padded, stridedShape, window, offset);
            if (depthwise)
            {
                taps.Add(b.Op("Unsqueeze", [g.SumPerChannel(strided * shifted, stridedShape.Length), b.Ints(1, 2)]));
                continue;
            }

            var right = b.Op("Reshape", [shifted, b.Ints(-1, group, columns, positions)]);
            var product = Product(g, left, right);
            taps.Add(b.Op("Unsqueeze", [b.Op("Reshape", [g.Sum(product, false, 0), b.Ints(group * rows, columns)]), b.Ints(2)]));
        }

        var joined = taps.Count == 1 ? taps[0] : b.Op("Concat", [.. taps], ("axis", 2L));
        return b.Op("Reshape", [joined, b.Ints([.. weight.Select(d => d.Size)])]);
    }

    // left · rightᵀ per sample and group.
    private static Value Product(GradientContext g, Value left, Value right) => g.Portable
        ? g.B.Op("MatMul", [left, g.B.Op("Transpose", [right], ("perm", new long[] { 0, 1, 3, 2 }))])
        : g.B.ContribOp("FusedMatMul", [left, right], ("transB", 1L));

    private static Value Pad(GradientContext g, Value dense, Dim[] denseShape, Dim[] stridedShape, Window window)
    {
        var rank = denseShape.Length;
        var pads = new long[2 * rank];
        for (var i = 0; i < window.Rank; i++)
        {
            pads[2 + i] = window.PadsBegin[i];
            var reach = ((stridedShape[2 + i].Size - 1) * window.Strides[i]) + ((window.Kernel[i] - 1) * window.Dilations[i]) + 1;
            pads[rank + 2 + i] = Math.Max(0, reach - denseShape[2 + i].Size - window.PadsBegin[i]);
        }

        return pads.All(p => p == 0) ? dense : g.B.Op("Pad", [dense, g.B.Ints(pads)]);
    }

    private static Value Shift(GradientContext g, Value padded, Dim[] stridedShape, Window window, long[] offset)
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

        return g.B.Op("Slice", [padded, g.B.Ints(starts), g.B.Ints(ends), g.B.Ints(axes), g.B.Ints(window.Strides)]);
    }
}
