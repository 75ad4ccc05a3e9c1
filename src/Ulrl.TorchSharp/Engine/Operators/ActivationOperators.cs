using TorchSharp;
using static TorchSharp.torch.nn;
using Approximate = TorchSharp.Modules.GELU.Approximate;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Activation functions and softmax.</summary>
internal static class ActivationOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Relu", n => n[0].relu());
        table.Add("LeakyRelu", n => functional.leaky_relu(n[0], n.Float("alpha", 0.01f)));
        table.Add("PRelu", n => torch.where(n[0] > 0, n[0], n[0] * n[1]));
        table.Add("ThresholdedRelu", n => n[0].threshold(n.Float("alpha", 1f), 0f));
        table.Add("Elu", n => n[0].elu(n.Float("alpha", 1f), 1f, 1f));
        table.Add("Selu", n => n[0].elu(n.Float("alpha", 1.67326319217681884765625f), n.Float("gamma", 1.05070102214813232421875f), 1f));
        table.Add("Celu", n => n[0].celu(n.Float("alpha", 1f)));
        table.Add("Clip", Clip);
        table.Add("Sigmoid", n => n[0].sigmoid());
        table.Add("HardSigmoid", n => Between((n[0] * n.Float("alpha", 0.2f)) + n.Float("beta", 0.5f), 0, 1));
        table.Add("HardSwish", n => n[0].hardswish());
        table.Add("Tanh", n => n[0].tanh());
        table.Add("Softplus", n => functional.softplus(n[0]));
        table.Add("Softsign", n => functional.softsign(n[0]));
        table.Add("Gelu", n => n[0].gelu(n.Text("approximate", "none") == "tanh" ? Approximate.tanh : Approximate.none));
        table.Add("Mish", n => functional.mish(n[0]));
        table.Add("Softmax", n => n[0].softmax(n.Int("axis", -1)));
        table.Add("LogSoftmax", n => n[0].log_softmax(n.Int("axis", -1)));
        table.Add("Hardmax", Hardmax);
    }

    private static Tensor Clip(OperatorContext n) => n[0].is_floating_point()
        ? Between(n[0], n.Has(1) ? n.Numbers(1)[0] : null, n.Has(2) ? n.Numbers(2)[0] : null)
        : n[0].clamp(n.Optional(1), n.Optional(2));

    // No gradient on the bounds, as torch.nn.ReLU6 and Hardtanh have it, which exporters write as Clip. (TorchSharp 0.107.0's own hardtanh
    // does not limit anything.)
    private static Tensor Between(Tensor x, double? low, double? high)
    {
        if ((low, high) is (0, 6)) return functional.relu6(x);
        var above = low is { } bound ? x.threshold(bound, bound) : x.alias();
        return high is { } limit ? above.neg().threshold(-limit, -limit).neg() : above;
    }

    private static Tensor Hardmax(OperatorContext n)
    {
        var axis = n.Axis(-1);
        return torch.zeros_like(n[0]).scatter(axis, n[0].argmax(axis, true), torch.ones_like(n[0]));
    }
}
