using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff.Rules;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Convolution and transposed convolution in one, two and three dimensions.</summary>
internal static class ConvolutionOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Conv", n => Conv(n[0], n[1], n.Optional(2), WindowOf(n, OperatorContext.Spatial(n[1])), n.Int("group", 1)));
        table.Add("ConvTranspose", ConvTranspose);
    }

    /// <summary>The window of a node that slides over its first input.</summary>
    public static Window WindowOf(OperatorContext n, long[]? kernel)
    {
        var dense = OperatorContext.Spatial(n[0]);
        var strides = n.Ints("strides") ?? Window.Ones(dense.Length);
        return Window.Of(n.Node, kernel, dense, [.. dense.Select((size, i) => (size + strides[i] - 1) / strides[i])]);
    }

    /// <summary>Pads the spatial dimensions of a tensor; negative padding cuts.</summary>
    public static Tensor Pad(Tensor x, long[] begin, long[] end, double value = 0)
    {
        var pads = new List<long>();
        for (var i = begin.Length - 1; i >= 0; i--) pads.AddRange([begin[i], end[i]]);
        return pads.All(p => p == 0) ? x : functional.pad(x, pads.ToArray(), value: value);
    }

    /// <summary>A convolution whose padding may differ at both ends.</summary>
    public static Tensor Conv(Tensor x, Tensor weight, Tensor? bias, Window window, long group)
    {
        var padding = window.PadsBegin;
        if (!window.PadsBegin.AsSpan().SequenceEqual(window.PadsEnd))
        {
            x = Pad(x, window.PadsBegin, window.PadsEnd);
            padding = new long[window.Rank];
        }

        return window.Rank switch
        {
            1 => functional.conv1d(x, weight, bias, window.Strides[0], padding[0], window.Dilations[0], group),
            2 => functional.conv2d(x, weight, bias, window.Strides, padding, window.Dilations, group),
            3 => functional.conv3d(x, weight, bias, window.Strides, padding, window.Dilations, group),
            var rank => throw Rank(rank),
        };
    }

    // Without padding first; then it is cut, or extended by output padding, to the size that the node states.
    private static Tensor ConvTranspose(OperatorContext n)
    {
        var (x, weight) = (n[0], n[1]);
        var steps = OperatorContext.Spatial(x);
        var extra = n.Ints("output_padding") ?? new long[steps.Length];
        var strides = n.Ints("strides") ?? Window.Ones(steps.Length);
        var dense = n.Ints("output_shape") is { } shape ? shape[^steps.Length..] : [.. steps.Select((size, i) => size * strides[i])];
        var window = Window.Of(n.Node, OperatorContext.Spatial(weight), dense, steps);
        var full = steps.Select((_, i) => window.Reach(steps, i)).ToArray();
        var begin = window.PadsBegin.Select(p => -p).ToArray();
        long[] end = [.. window.PadsEnd.Select((p, i) => extra[i] - p)];
        var symmetric = Enumerable.Range(0, window.Rank).All(i =>
            window.PadsBegin[i] == window.PadsEnd[i] && extra[i] >= 0 && extra[i] < Math.Max(window.Strides[i], window.Dilations[i]) && full[i] + end[i] + begin[i] > 0);
        if (symmetric) return Transposed(x, weight, n.Optional(2), window, window.PadsBegin, extra, n.Int("group", 1));
        var none = new long[window.Rank];
        var y = Pad(Transposed(x, weight, null, window, none, none, n.Int("group", 1)), begin, end);
        return n.Optional(2) is { } bias ? y + bias.reshape([-1, .. Window.Ones(window.Rank)]) : y;
    }

    private static Tensor Transposed(Tensor x, Tensor weight, Tensor? bias, Window window, long[] padding, long[] outputPadding, long group) => window.Rank switch
    {
        1 => functional.conv_transpose1d(x, weight, bias, window.Strides[0], padding[0], outputPadding[0], window.Dilations[0], group),
        2 => functional.conv_transpose2d(x, weight, bias, window.Strides, padding, outputPadding, window.Dilations, group),
        3 => functional.conv_transpose3d(x, weight, bias, window.Strides, padding, outputPadding, window.Dilations, group),
        var rank => throw Rank(rank),
    };

    private static InvalidModelException Rank(int rank) => new($"{rank} spatial dimensions are not supported, one to three are");
}
