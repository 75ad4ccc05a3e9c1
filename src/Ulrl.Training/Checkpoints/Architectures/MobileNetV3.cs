namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's MobileNetV3 (<c>torchvision.models.mobilenet_v3_large</c>).</summary>
internal static class MobileNetV3
{
    // Kernel, expanded channels, channels, squeeze and excite, hard swish instead of ReLU, stride: table 1 of Howard et al. 2019.
    private static readonly (int Kernel, int Expanded, int Channels, bool Squeeze, bool HardSwish, int Stride)[] Blocks =
    [
        (3, 16, 16, false, false, 1),
        (3, 64, 24, false, false, 2),
        (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2),
        (5, 120, 40, true, false, 1),
        (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2),
        (3, 200, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 184, 80, false, true, 1),
        (3, 480, 112, true, true, 1),
        (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2),
        (5, 960, 160, true, true, 1),
        (5, 960, 160, true, true, 1),
    ];

    public static FeatureMap Large(NetworkBuilder net, FeatureMap x, int classes)
    {
        x = Activated(x, "features.0", 16, 3, 2);
        for (var i = 0; i < Blocks.Length; i++)
        {
            var (kernel, expanded, channels, squeeze, hardSwish, stride) = Blocks[i];
            var block = new InvertedResidual(kernel, expanded, channels, stride, squeeze ? InvertedResidual.RoundChannels(expanded / 4) : 0)
            {
                Activation = hardSwish ? net.HardSwish : net.Relu,
                SqueezeActivation = net.Relu,
                Gate = net.HardSigmoid,
                Norm = Norm,
            };
            x = block.Apply(net, x, $"features.{i + 1}");
        }

        x = Activated(x, $"features.{Blocks.Length + 1}", 6 * x.Channels, 1, 1);
        x = net.HardSwish(net.Linear(net.Flatten(net.GlobalAveragePool(x)), "classifier.0", 1280));
        return net.Linear(net.Dropout(x, 0.2f), "classifier.3", classes);

        FeatureMap Norm(FeatureMap v, string name) => net.BatchNorm(v, name, 1e-3f, 0.01f);

        FeatureMap Activated(FeatureMap v, string name, int channels, int kernel, int stride) =>
            net.HardSwish(Norm(net.Conv(v, $"{name}.0", channels, kernel, stride, kernel / 2, bias: false), $"{name}.1"));
    }
}
