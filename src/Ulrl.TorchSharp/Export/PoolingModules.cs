using TorchSharp.Modules;
using Ulrl.Training.Torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>Pooling.</summary>
internal static class PoolingModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<MaxPool1d>((g, m, x) => Max(g, x, [m.kernel_size], One(m.stride), One(m.padding), One(m.dilation), m.ceil_mode));
        modules.Add<MaxPool2d>((g, m, x) => Max(g, x, Sizes.Of(m.kernel_size, 2, 0), m.stride, m.padding, m.dilation, m.ceil_mode));
        modules.Add<MaxPool3d>((g, m, x) => Max(g, x, Sizes.Of(m.kernel_size, 3, 0), m.stride, m.padding, m.dilation, m.ceil_mode));
        modules.Add<AvgPool1d>((g, m, x) => Average(g, x, [m.kernel_size], One(m.stride), One(m.padding), m.ceil_mode, m.count_include_pad, null));
        modules.Add<AvgPool2d>((g, m, x) => Average(g, x, Sizes.Of(m.kernel_size, 2, 0), m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override));
        modules.Add<AvgPool3d>((g, m, x) => Average(g, x, Sizes.Of(m.kernel_size, 3, 0), m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override));
        modules.Add<LPPool1d>((g, m, x) => g.Wrap(g.Torch.LpPool(x.Tensor, m.norm_type, [m.kernel_size], [m.stride ?? m.kernel_size], m.ceil_mode)));
        modules.Add<LPPool2d>((g, m, x) => g.Wrap(g.Torch.LpPool(x.Tensor, m.norm_type, Sizes.Of(m.kernel_size, 2, 0), Sizes.Of(m.stride, Sizes.Of(m.kernel_size, 2, 0)), m.ceil_mode)));
        modules.Add<AdaptiveAvgPool1d>((g, m, x) => g.Wrap(g.Torch.AdaptiveAveragePool(x.Tensor, m.output_size)));
        modules.Add<AdaptiveAvgPool2d>((g, m, x) => g.Wrap(g.Torch.AdaptiveAveragePool(x.Tensor, Sizes.Of(m.output_size, 2, 0))));
        modules.Add<AdaptiveAvgPool3d>((g, m, x) => g.Wrap(g.Torch.AdaptiveAveragePool(x.Tensor, Sizes.Of(m.output_size, 3, 0))));
        modules.Add<AdaptiveMaxPool1d>((g, m, x) => g.Wrap(g.Torch.AdaptiveMaxPool(x.Tensor, m.output_size)));
        modules.Add<AdaptiveMaxPool2d>((g, m, x) => g.Wrap(g.Torch.AdaptiveMaxPool(x.Tensor, Sizes.Of(m.output_size, 2, 0))));
        modules.Add<AdaptiveMaxPool3d>((g, m, x) => g.Wrap(g.Torch.AdaptiveMaxPool(x.Tensor, Sizes.Of(m.output_size, 3, 0))));
    }

    private static long[]? One(long? size) => size is { } given ? [given] : null;

    private static OnnxValue Max(OnnxGraph g, OnnxValue x, long[] kernel, long[]? stride, long[]? padding, long[]? dilation, bool ceil) =>
        g.Wrap(g.Torch.MaxPool(x.Tensor, kernel, Sizes.Of(stride, kernel), Sizes.Of(padding, kernel.Length, 0), Sizes.Of(dilation, kernel.Length, 1), ceil));

    private static OnnxValue Average(OnnxGraph g, OnnxValue x, long[] kernel, long[]? stride, long[]? padding, bool ceil, bool countPadding, long? divisor) =>
        g.Wrap(g.Torch.AveragePool(x.Tensor, kernel, Sizes.Of(stride, kernel), Sizes.Of(padding, kernel.Length, 0), ceil, countPadding, divisor));
}
