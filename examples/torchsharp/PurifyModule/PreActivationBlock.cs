using TorchSharp;
using TorchSharp.Modules;
using Ulrl.TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace PurifyModule;

/// <summary>Batch-norm and ReLU in front of both convolutions, and a way around them.</summary>
internal sealed class PreActivationBlock : Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly BatchNorm2d bn1;
    private readonly Conv2d conv1;
    private readonly BatchNorm2d bn2;
    private readonly Conv2d conv2;
    private readonly Sequential? shortcut;

    public PreActivationBlock(long inputs, long outputs, long stride)
        : base(nameof(PreActivationBlock))
    {
        bn1 = BatchNorm2d(inputs);
        conv1 = Conv2d(inputs, outputs, 3, stride: stride, padding: 1, bias: false);
        bn2 = BatchNorm2d(outputs);
        conv2 = Conv2d(outputs, outputs, 3, padding: 1, bias: false);
        if (stride > 1 || inputs != outputs) shortcut = Sequential(Conv2d(inputs, outputs, 1, stride: stride, bias: false));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var active = functional.relu(bn1.call(x));
        var around = shortcut is null ? x : shortcut.call(active);
        return conv2.call(functional.relu(bn2.call(conv1.call(active)))) + around;
    }

    public OnnxValue Export(OnnxGraph graph, OnnxValue x)
    {
        var active = graph.Relu(graph.Call(bn1, x));
        var around = shortcut is null ? x : graph.Call(shortcut, active);
        return graph.Call(conv2, graph.Relu(graph.Call(bn2, graph.Call(conv1, active)))) + around;
    }
}
