namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's residual networks (<c>torchvision.models.resnet18</c> and deeper): the stride of a bottleneck sits in its 3×3 convolution.</summary>
internal static class ResNet
{
    public static NetworkDefinition Basic(params int[] depths) =>
        Of(depths, (width, stride) => [(width, 3, stride), (width, 3, 1)]);

    public static NetworkDefinition Bottleneck(params int[] depths) =>
        Of(depths, (width, stride) => [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]);

    private static NetworkDefinition Of(int[] depths, Func<int, int, (int Channels, int Kernel, int Stride)[]> block) => (net, x, classes) =>
    {
        x = net.Relu(net.BatchNorm(net.Conv(x, "conv1", 64, 7, 2, 3, bias: false), "bn1"));
        x = net.MaxPool(x, 3, 2, 1);
        for (var stage = 0; stage < depths.Length; stage++)
        {
            for (var i = 0; i < depths[stage]; i++)
            {
                var stride = stage > 0 && i == 0 ? 2 : 1;
                x = Block(net, x, $"layer{stage + 1}.{i}", stride, block(64 << stage, stride));
            }
        }

        return net.Linear(net.Flatten(net.GlobalAveragePool(x)), "fc", classes);
    };

    private static FeatureMap Block(NetworkBuilder net, FeatureMap x, string name, int stride, (int Channels, int Kernel, int Stride)[] convolutions)
    {
        var y = x;
        for (var i = 0; i < convolutions.Length; i++)
        {
            if (i > 0) y = net.Relu(y);
            var (channels, kernel, step) = convolutions[i];
            y = net.BatchNorm(net.Conv(y, $"{name}.conv{i + 1}", channels, kernel, step, kernel / 2, bias: false), $"{name}.bn{i + 1}");
        }

        if (stride != 1 || x.Channels != y.Channels)
            x = net.BatchNorm(net.Conv(x, $"{name}.downsample.0", y.Channels, 1, stride, bias: false), $"{name}.downsample.1");
        return net.Relu(net.Add(y, x));
    }
}
