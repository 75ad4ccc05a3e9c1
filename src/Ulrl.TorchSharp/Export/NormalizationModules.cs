using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Normalisation.</summary>
internal static class NormalizationModules
{
    // What ONNX takes for its momentum where a module averages over all batches, which it cannot say.
    private const double DefaultMomentum = 0.1;

    public static void Register(BuiltInModules modules)
    {
        modules.Add<BatchNorm1d>(Batch);
        modules.Add<BatchNorm2d>(Batch);
        modules.Add<BatchNorm3d>(Batch);
        modules.Add<InstanceNorm1d>(Instance);
        modules.Add<InstanceNorm2d>(Instance);
        modules.Add<InstanceNorm3d>(Instance);
        modules.Add<LayerNorm>((g, m, x) => g.Wrap(g.Torch.LayerNorm(x.Tensor, m.normalized_shape.Length, g.Optional(m.weight, "weight"), g.Optional(m.bias, "bias"), m.eps)));
        modules.Add<GroupNorm>((g, m, x) => g.Wrap(g.Torch.GroupNorm(x.Tensor, m.num_groups, g.Optional(m.weight, "weight"), g.Optional(m.bias, "bias"), m.eps)));
        modules.Add<LocalResponseNorm>((g, m, x) => g.Wrap(g.Torch.LocalResponseNorm(x.Tensor, m.size, m.alpha, m.beta, m.k)));
    }

    private static OnnxValue Batch(OnnxGraph g, NormBase m, OnnxValue x)
    {
        var (weight, bias) = (g.Optional(m.weight, "weight"), g.Optional(m.bias, "bias"));
        return g.Wrap(m.running_mean is null
            ? g.Torch.BatchNormOfBatch(x.Tensor, weight, bias, m.eps)
            : g.Torch.BatchNorm(x.Tensor, weight, bias, g.RunningStatistic("running_mean"), g.RunningStatistic("running_var"), m.eps, m.momentum ?? DefaultMomentum));
    }

    // With running statistics it is a fixed affine map, and ONNX has no operator that would update them.
    private static OnnxValue Instance(OnnxGraph g, NormBase m, OnnxValue x)
    {
        var (weight, bias) = (g.Optional(m.weight, "weight"), g.Optional(m.bias, "bias"));
        return g.Wrap(m.running_mean is null
            ? g.Torch.InstanceNorm(x.Tensor, weight, bias, m.eps)
            : g.Torch.NormBy(x.Tensor, weight, bias, g.State("running_mean"), g.State("running_var"), m.eps));
    }
}
