using TorchSharp;
using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Convolutions, and what moves pixels to channels and back.</summary>
internal static class ConvolutionModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<Conv1d>(Convolution);
        modules.Add<Conv2d>(Convolution);
        modules.Add<Conv3d>(Convolution);
        modules.Add<ConvTranspose1d>(Transposed);
        modules.Add<ConvTranspose2d>(Transposed);
        modules.Add<ConvTranspose3d>(Transposed);
        modules.Add<PixelShuffle>((g, m, x) => g.Wrap(g.Torch.PixelShuffle(x.Tensor, m.upscale_factor)));
        modules.Add<PixelUnshuffle>((g, m, x) => g.Wrap(g.Torch.PixelUnshuffle(x.Tensor, m.downscale_factor)));
        modules.Add<ChannelShuffle>((g, m, x) => g.Wrap(g.Torch.ChannelShuffle(x.Tensor, m.groups)));
        modules.Add<Upsample>(Resize);
    }

    private static OnnxValue Convolution(OnnxGraph g, Convolution m, OnnxValue x)
    {
        var directions = m.kernel_size.Length;
        var dilation = Sizes.Of(m.dilation, directions, 1);
        var before = Sizes.Of(m.padding, directions, 0);
        var after = before;
        if (m.padding_type == Padding.Same)
        {
            // What does not split evenly goes behind.
            long[] all = [.. m.kernel_size.Zip(dilation).Select(d => d.Second * (d.First - 1))];
            (before, after) = ([.. all.Select(p => p / 2)], [.. all.Select(p => p - (p / 2))]);
        }

        var input = x.Tensor;
        if (m.padding_mode is not (PaddingModes.Zeros or PaddingModes.Constant))
        {
            long[] amounts = [.. before.Zip(after).Reverse().SelectMany(p => new[] { p.First, p.Second })];
            input = g.Torch.Pad(input, PaddingModules.Name(m.padding_mode), 0, amounts);
            before = after = Sizes.Of(0, directions);
        }

        return g.Wrap(g.Torch.Convolution(input, g.State("weight"), g.Optional(m.bias, "bias"), Sizes.Of(m.stride, directions, 1), before, after, dilation, m.groups));
    }

    private static OnnxValue Transposed(OnnxGraph g, Convolution m, OnnxValue x)
    {
        var directions = m.kernel_size.Length;
        return g.Wrap(g.Torch.ConvolutionTranspose(
            x.Tensor, g.State("weight"), g.Optional(m.bias, "bias"), Sizes.Of(m.stride, directions, 1), Sizes.Of(m.padding, directions, 0),
            Sizes.Of(m.output_padding, directions, 0), Sizes.Of(m.dilation, directions, 1), m.groups));
    }

    private static OnnxValue Resize(OnnxGraph g, Upsample m, OnnxValue x)
    {
        var directions = x.Tensor.Rank - 2;
        var (size, scale) = (m.size.ToArray(), m.scale_factor.ToArray());
        if (size.Length == 1) size = Sizes.Of(size, directions, 0);
        if (scale.Length == 1 && directions > 1) scale = [.. Enumerable.Repeat(scale[0], directions)];
#pragma warning disable CA1308 // PyTorch's names of the modes are in lower case.
        var mode = m.mode.ToString().ToLowerInvariant();
#pragma warning restore CA1308
        return g.Wrap(g.Torch.Resize(x.Tensor, mode, size.Length > 0 ? size : null, scale, m.align_corners ?? false));
    }
}
