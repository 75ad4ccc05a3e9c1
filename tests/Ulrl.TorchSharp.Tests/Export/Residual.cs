using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Ulrl.TorchSharp.Tests.Export;

/// <summary>The residual block of docs/torchsharp.md.</summary>
internal sealed class Residual : Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Module<Tensor, Tensor> body;

    public Residual(long channels)
        : base(nameof(Residual))
    {
        body = Sequential(Conv2d(channels, channels, 3, padding: 1), BatchNorm2d(channels), ReLU(), Conv2d(channels, channels, 3, padding: 1), BatchNorm2d(channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => functional.relu(body.call(x) + x);

    public OnnxValue Export(OnnxGraph graph, OnnxValue x) => graph.Relu(graph.Call(body, x) + x);
}
