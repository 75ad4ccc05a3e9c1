namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's EfficientNets B0 to B4 (<c>torchvision.models.efficientnet_b3</c>): one table of stages, scaled in width and depth.</summary>
internal static class EfficientNet
{
    // Expansion, kernel, stride, channels, layers: table 1 of Tan and Le 2019.
    private static readonly (int Expansion, int Kernel, int Stride, int Channels, int Layers)[] Stages =
    [
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
    ];

    public static NetworkDefinition Scaled(double width, double depth, float dropout) => (net, x, classes) =>
    {
        x = Activated(x, "features.0", InvertedResidual.RoundChannels(32 * width), 3, 2);
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var (expansion, kernel, stride, channels, layers) = Stages[stage];
            for (var i = 0; i < (int)Math.Ceiling(layers * depth); i++)
            {
                var expanded = InvertedResidual.RoundChannels(x.Channels * expansion);
                var block = new InvertedResidual(kernel, expanded, InvertedResidual.RoundChannels(channels * width), i == 0 ? stride : 1, x.Channels / 4)
                {
                    Activation = net.Silu,
                    SqueezeActivation = net.Silu,
                    Gate = net.Sigmoid,
                    Norm = (v, name) => net.BatchNorm(v, name),
                };
                x = block.Apply(net, x, $"features.{stage + 1}.{i}");
            }
        }

        x = Activated(x, $"features.{Stages.Length + 1}", 4 * x.Channels, 1, 1);
        return net.Linear(net.Dropout(net.Flatten(net.GlobalAveragePool(x)), dropout), "classifier.1", classes);

        FeatureMap Activated(FeatureMap v, string name, int channels, int kernel, int stride) =>
            net.Silu(net.BatchNorm(net.Conv(v, $"{name}.0", channels, kernel, stride, kernel / 2, bias: false), $"{name}.1"));
    };
}
