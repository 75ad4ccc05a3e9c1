using TorchSharp.Modules;
using Ulrl.Training.Torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>Activations.</summary>
internal static class ActivationModules
{
    public static void Register(BuiltInModules modules)
    {
        void Add<T>(Func<TorchGraph, T, TorchTensor, TorchTensor> emit)
            where T : global::TorchSharp.torch.nn.Module => modules.Add<T>((g, m, x) => g.Wrap(emit(g.Torch, m, x.Tensor)));

        Add<ReLU>((t, _, x) => t.Unary("Relu", x));
        Add<ReLU6>((t, _, x) => t.Clamp(x, 0, 6));
        Add<LeakyReLU>((t, m, x) => t.Unary("LeakyRelu", x, ("alpha", (float)m.negative_slope)));

        // In evaluation the slope is the middle of its range.
        Add<RReLU>((t, m, x) => t.Unary("LeakyRelu", x, ("alpha", (float)((m.lower + m.upper) / 2))));
        Add<ELU>((t, m, x) => t.Unary("Elu", x, ("alpha", (float)m.alpha)));
        Add<CELU>((t, m, x) => t.Unary("Celu", x, ("alpha", (float)m.alpha)));
        Add<SELU>((t, _, x) => t.Unary("Selu", x));
        Add<GELU>((t, m, x) => t.Gelu(x, m.approximate == GELU.Approximate.tanh));
        Add<SiLU>((t, _, x) => t.Silu(x));
        Add<Mish>((t, _, x) => t.Unary("Mish", x));
        Add<Sigmoid>((t, _, x) => t.Unary("Sigmoid", x));
        Add<LogSigmoid>((t, _, x) => t.LogSigmoid(x));
        Add<Hardsigmoid>((t, _, x) => t.HardSigmoid(x));
        Add<Hardswish>((t, _, x) => t.Unary("HardSwish", x));
        Add<Tanh>((t, _, x) => t.Unary("Tanh", x));
        Add<Tanhshrink>((t, _, x) => t.Binary("Sub", x, t.Unary("Tanh", x)));
        Add<Hardtanh>((t, m, x) => t.Clamp(x, m.min_val, m.max_val));
        Add<Softplus>((t, m, x) => t.Softplus(x, m.beta, m.threshold));
        Add<Softsign>((t, _, x) => t.Unary("Softsign", x));
        Add<Softshrink>((t, m, x) => t.SoftShrink(x, m.lambda));
        Add<Hardshrink>((t, m, x) => t.HardShrink(x, m.lambda));
        Add<Threshold>((t, m, x) => t.Threshold(x, m.threshold, m.value));
        Add<Softmax>((t, m, x) => t.Softmax(x, m.dim));
        Add<Softmax2d>((t, _, x) => t.Softmax(x, -3));
        Add<Softmin>((t, m, x) => t.Softmax(t.Unary("Neg", x), m.dim));
        Add<LogSoftmax>((t, m, x) => t.Softmax(x, m.dim, log: true));
        Add<GLU>((t, m, x) => t.Glu(x, m.dim));
        modules.Add<PReLU>((g, _, x) => g.Wrap(g.Torch.PRelu(x.Tensor, g.State("weight"))));
    }
}
