using TorchSharp;
using Ulrl.Training.Autodiff;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Normalisation layers.</summary>
internal static class NormalizationOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("BatchNormalization", BatchNormalization);
        table.Add("InstanceNormalization", n => functional.instance_norm(n[0], weight: n[1], bias: n[2], eps: n.Float("epsilon", 1e-5f)));
        table.Add("LayerNormalization", LayerNormalization);
        table.Add("GroupNormalization", GroupNormalization);
        table.Add("LRN", LocalResponse);
    }

    // In train mode the running statistics are written in place, as torch.nn.functional.batch_norm does.
    private static Tensor BatchNormalization(OperatorContext n)
    {
        var x = n[0];
        var train = n.Int("training_mode", 0) != 0;
        var (mean, variance) = (n[3], n[4]);
        var share = 1.0 - n.Float("momentum", 0.9f);
        var eps = n.Float("epsilon", 1e-5f);
        if (!train || x.numel() > x.shape[1]) return functional.batch_norm(x, mean, variance, n[1], n[2], train, share, eps);

        // One value per channel: its unbiased variance is 0/0, and counts as 0.
        using (torch.no_grad())
        {
            mean.mul_(1 - share).add_(x.detach().reshape(-1), share);
            variance.mul_(1 - share);
        }

        return functional.batch_norm(x, null!, null!, n[1], n[2], true, share, eps);
    }

    private static Tensor LayerNormalization(OperatorContext n)
    {
        var x = n[0];
        var inner = x.shape[n.Axis(-1)..];
        return functional.layer_norm(x, inner, n[1].expand(inner), n.Optional(2)?.expand(inner), n.Float("epsilon", 1e-5f));
    }

    // Opset 18 scales per group, opset 21 per channel.
    private static Tensor GroupNormalization(OperatorContext n)
    {
        var (groups, channels) = (n.Int("num_groups", 1), n[0].shape[1]);
        Tensor Spread(Tensor parameter) => n.Opset < 21 ? parameter.repeat_interleave(channels / groups, 0) : parameter;
        return functional.group_norm(n[0], groups, Spread(n[1]), Spread(n[2]), n.Float("epsilon", 1e-5f));
    }

    // y = x·(bias + alpha/size · Σ x² over neighbouring channels)^(−beta)
    private static Tensor LocalResponse(OperatorContext n)
    {
        var x = n[0];
        var size = n.Int("size", 1);
        var before = (size - 1) / 2;
        var squares = (x * x).reshape(x.shape[0], 1, x.shape[1], -1);
        var padded = functional.pad(squares, [0, 0, before, size - 1 - before]);
        var mean = functional.avg_pool2d(padded, [size, 1], [1, 1]).reshape(x.shape);
        return x * ((mean * n.Float("alpha", 1e-4f)) + n.Float("bias", 1f)).pow(-n.Float("beta", 0.75f));
    }
}
