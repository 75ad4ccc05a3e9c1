using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Autodiff.Rules;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Pooling.</summary>
internal static class PoolingOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("MaxPool", MaxPool);
        table.Add("AveragePool", AveragePool);
        table.Add("GlobalAveragePool", n => n[0].mean(SpatialAxes(n), true));
        table.Add("GlobalMaxPool", n => n[0].amax(SpatialAxes(n), true));
        table.Limit("MaxPool", node => node.Int("storage_order", 0) != 0 ? "storage_order = 1 is not supported" : null);
    }

    private static long[] SpatialAxes(OperatorContext n) => [.. Enumerable.Range(2, n.Rank(0) - 2).Select(i => (long)i)];

    // libtorch pads both ends alike, by at most half a window.
    private static bool IsNative(Window window) =>
        window.PadsBegin.AsSpan().SequenceEqual(window.PadsEnd) && window.PadsBegin.Select((p, i) => p <= window.Kernel[i] / 2).All(fits => fits);

    private static Tensor MaxPool(OperatorContext n)
    {
        var x = n[0];
        var window = ConvolutionOperators.WindowOf(n, null);
        var padding = window.PadsBegin;
        var up = n.Int("ceil_mode", 0) != 0;
        if (!IsNative(window))
        {
            x = ConvolutionOperators.Pad(x, window.PadsBegin, End(n, window), double.NegativeInfinity);
            padding = new long[window.Rank];
            up = false;
        }

        return window.Rank switch
        {
            1 => functional.max_pool1d(x, window.Kernel[0], window.Strides[0], padding[0], window.Dilations[0], up),
            2 => functional.max_pool2d(x, window.Kernel, window.Strides, padding, window.Dilations, up),
            3 => functional.max_pool3d(x, window.Kernel, window.Strides, padding, window.Dilations, up),
            _ => throw Rank(window),
        };
    }

    private static Tensor AveragePool(OperatorContext n)
    {
        var x = n[0];
        var window = ConvolutionOperators.WindowOf(n, null);
        var (up, counts) = (n.Int("ceil_mode", 0) != 0, n.Int("count_include_pad", 0) != 0);
        if (!IsNative(window) || window.Dilations.Any(d => d != 1)) return Average(n, window, counts);
        return window.Rank switch
        {
            1 => functional.avg_pool1d(x, window.Kernel[0], window.Strides[0], window.PadsBegin[0], up, counts),
            2 => functional.avg_pool2d(x, window.Kernel, window.Strides, window.PadsBegin, up, counts),
            3 => functional.avg_pool3d(x, window.Kernel, window.Strides, window.PadsBegin, up, counts),
            _ => throw Rank(window),
        };
    }

    // Sums of windows by the number of elements in each: two convolutions with ones, channel by channel.
    private static Tensor Average(OperatorContext n, Window window, bool countsPadding)
    {
        var x = n[0];
        var none = new long[window.Rank];
        var sliding = window with { PadsBegin = none, PadsEnd = none };
        var end = End(n, window);
        Tensor SumOf(Tensor t) => ConvolutionOperators.Conv(t, torch.ones([1, 1, .. window.Kernel], device: x.device), null, sliding, 1);
        var rows = x.reshape([-1, 1, .. OperatorContext.Spatial(x)]);
        var sums = SumOf(ConvolutionOperators.Pad(rows, window.PadsBegin, end));
        var inside = torch.ones([1, 1, .. OperatorContext.Spatial(x)], device: x.device);
        var (begin, rest) = (window.PadsBegin, end);
        if (countsPadding)
        {
            inside = ConvolutionOperators.Pad(inside, window.PadsBegin, window.PadsEnd, 1);
            (begin, rest) = (none, [.. end.Select((e, i) => e - window.PadsEnd[i])]);
        }

        var counts = SumOf(ConvolutionOperators.Pad(inside, begin, rest)).clamp_min(1);
        var mean = sums / counts;
        return mean.reshape([x.shape[0], x.shape[1], .. OperatorContext.Spatial(mean)]);
    }

    // Padding at the end so that a pool without any has as many windows as the node: a last one that begins behind the input is left out.
    private static long[] End(OperatorContext n, Window window)
    {
        var dense = OperatorContext.Spatial(n[0]);
        var up = n.Int("ceil_mode", 0) != 0;
        var steps = new long[window.Rank];
        for (var i = 0; i < steps.Length; i++)
        {
            var room = dense[i] + window.PadsBegin[i] + window.PadsEnd[i] - ((window.Kernel[i] - 1) * window.Dilations[i]) - 1;
            steps[i] = ((up ? room + window.Strides[i] - 1 : room) / window.Strides[i]) + 1;
            if (up && (steps[i] - 1) * window.Strides[i] >= dense[i] + window.PadsBegin[i]) steps[i]--;
        }

        return [.. dense.Select((size, i) => window.Reach(steps, i) - size - window.PadsBegin[i])];
    }

    private static InvalidModelException Rank(Window window) => new($"{window.Rank} spatial dimensions are not supported, one to three are");
}
