using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff.Rules;

/// <summary>
/// The sliding window of a convolution or pooling node with every default resolved: kernel, strides, dilations
/// and explicit padding, whichever way the node states them (<c>pads</c>, <c>auto_pad</c>, <c>ceil_mode</c>).
/// </summary>
internal sealed record Window(long[] Kernel, long[] Strides, long[] Dilations, long[] PadsBegin, long[] PadsEnd)
{
    public int Rank => Kernel.Length;

    public long Taps => Kernel.Aggregate(1L, (a, b) => a * b);

    public long[] Pads => [.. PadsBegin, .. PadsEnd];

    public bool IsPadded => Pads.Any(p => p != 0);

    public bool IsUnitStride => Strides.All(s => s == 1);

    /// <summary>Window of a Conv, ConvTranspose, MaxPool or AveragePool node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="kernel">Kernel size where the node leaves it to its weights.</param>
    /// <param name="dense">Spatial sizes of the side that the window slides over.</param>
    /// <param name="steps">Spatial sizes of the side with one position per window.</param>
    public static Window Of(NodeProto node, long[]? kernel, long[] dense, long[] steps)
    {
        var rank = dense.Length;
        var size = node.Ints("kernel_shape") ?? kernel ?? throw new InvalidModelException($"node '{node.Label()}': kernel_shape is missing.");
        var strides = node.Ints("strides") ?? Ones(rank);
        var dilations = node.Ints("dilations") ?? Ones(rank);
        var auto = node.Text("auto_pad", "NOTSET");
        var begin = new long[rank];
        var end = new long[rank];
        if (node.Ints("pads") is { } pads && auto == "NOTSET")
        {
            begin = pads[..rank];
            end = pads[rank..];
        }
        else if (auto is "SAME_UPPER" or "SAME_LOWER" || (node.OpType == "ConvTranspose" && node.Ints("output_shape") is not null))
        {
            // A transposed convolution with output_shape and no auto_pad pads like SAME_LOWER, and its output padding counts in.
            var lower = auto != "SAME_UPPER";
            var extra = node.OpType == "ConvTranspose" ? node.Ints("output_padding") : null;
            for (var i = 0; i < rank; i++)
            {
                var total = Math.Max(0, ((steps[i] - 1) * strides[i]) + ((size[i] - 1) * dilations[i]) + 1 + (extra?[i] ?? 0) - dense[i]);
                begin[i] = lower ? total - (total / 2) : total / 2;
                end[i] = total - begin[i];
            }
        }

        return new Window(size, strides, dilations, begin, end);
    }

    /// <summary>Elements from the first that the windows cover to the last, along one axis, pads included.</summary>
    public long Reach(long[] steps, int axis) => ((steps[axis] - 1) * Strides[axis]) + ((Kernel[axis] - 1) * Dilations[axis]) + 1;

    /// <summary>Every kernel offset in row-major order.</summary>
    public IEnumerable<long[]> Offsets()
    {
        var offset = new long[Rank];
        for (var n = 0L; n < Taps; n++)
        {
            var rest = n;
            for (var i = Rank - 1; i >= 0; i--)
            {
                offset[i] = rest % Kernel[i];
                rest /= Kernel[i];
            }

            yield return [.. offset];
        }
    }

    internal static long[] Ones(int rank)
    {
        var ones = new long[rank];
        Array.Fill(ones, 1);
        return ones;
    }
}
