namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's densely connected networks (<c>torchvision.models.densenet161</c>): every layer reads the features of all before it in its block.</summary>
internal static class DenseNet
{
    private const int Bottleneck = 4;

    public static NetworkDefinition Of(int stem, int growth, params int[] depths) => (net, x, classes) =>
    {
        x = net.Relu(net.BatchNorm(net.Conv(x, "features.conv0", stem, 7, 2, 3, bias: false), "features.norm0"));
        x = net.MaxPool(x, 3, 2, 1);
        for (var block = 1; block <= depths.Length; block++)
        {
            for (var layer = 1; layer <= depths[block - 1]; layer++)
                x = net.Concat(x, Layer(net, x, $"features.denseblock{block}.denselayer{layer}", growth));
            if (block == depths.Length) break;
            x = Activated(net, x, $"features.transition{block}.norm");
            x = net.Conv(x, $"features.transition{block}.conv", x.Channels / 2, 1, bias: false);
            x = net.AveragePool(x, 2, 2);
        }

        x = Activated(net, x, "features.norm5");
        return net.Linear(net.Flatten(net.GlobalAveragePool(x)), "classifier", classes);
    };

    private static FeatureMap Layer(NetworkBuilder net, FeatureMap x, string name, int growth)
    {
        x = net.Conv(Activated(net, x, $"{name}.norm1"), $"{name}.conv1", Bottleneck * growth, 1, bias: false);
        return net.Conv(Activated(net, x, $"{name}.norm2"), $"{name}.conv2", growth, 3, padding: 1, bias: false);
    }

    private static FeatureMap Activated(NetworkBuilder net, FeatureMap x, string norm) => net.Relu(net.BatchNorm(x, norm));
}
