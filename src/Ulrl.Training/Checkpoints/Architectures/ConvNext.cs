namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's ConvNeXt (<c>torchvision.models.convnext_tiny</c>): depthwise 7×7 convolutions and two linear layers on each position.</summary>
internal static class ConvNext
{
    private const float Epsilon = 1e-6f;

    public static NetworkDefinition Of(int[] widths, int[] depths) => (net, x, classes) =>
    {
        x = Norm(net, net.Conv(x, "features.0.0", widths[0], 4, 4), "features.0.1");
        for (var stage = 0; stage < widths.Length; stage++)
        {
            if (stage > 0)
            {
                x = Norm(net, x, $"features.{2 * stage}.0");
                x = net.Conv(x, $"features.{2 * stage}.1", widths[stage], 2, 2);
            }

            for (var i = 0; i < depths[stage]; i++) x = Block(net, x, $"features.{(2 * stage) + 1}.{i}");
        }

        x = Norm(net, net.GlobalAveragePool(x), "classifier.0");
        return net.Linear(net.Flatten(x), "classifier.2", classes);
    };

    private static FeatureMap Block(NetworkBuilder net, FeatureMap x, string name)
    {
        var y = ChannelsLast(net, net.Conv(x, $"{name}.block.0", x.Channels, 7, padding: 3, groups: x.Channels));
        y = net.LayerNorm(y, $"{name}.block.2", Epsilon);
        y = net.Gelu(net.Linear(y, $"{name}.block.3", 4 * x.Channels));
        y = ChannelsFirst(net, net.Linear(y, $"{name}.block.5", x.Channels));
        return net.Add(net.Scale(y, $"{name}.layer_scale", x.Channels, 1, 1), x);
    }

    private static FeatureMap Norm(NetworkBuilder net, FeatureMap x, string name) =>
        ChannelsFirst(net, net.LayerNorm(ChannelsLast(net, x), name, Epsilon));

    private static FeatureMap ChannelsLast(NetworkBuilder net, FeatureMap x) => net.Permute(x, 2, 3, 1);

    private static FeatureMap ChannelsFirst(NetworkBuilder net, FeatureMap x) => net.Permute(x, 3, 1, 2);
}
