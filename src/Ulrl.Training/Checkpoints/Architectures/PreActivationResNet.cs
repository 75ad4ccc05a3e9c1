namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>
/// Pre-activation residual networks for small images (He et al. 2016, "Identity Mappings in Deep Residual Networks"),
/// named as BackdoorBench names them: a 3×3 stem without batch-norm, batch-norm and ReLU in front of every other
/// convolution, and none behind the last one.
/// </summary>
internal static class PreActivationResNet
{
    public static NetworkDefinition Basic(params int[] depths) => Basic(64, depths);

    /// <summary>Of another width: that of the first stage, doubled from stage to stage.</summary>
    public static NetworkDefinition Basic(int firstWidth, int[] depths) =>
        Of(firstWidth, depths, (width, stride) => [(width, 3, stride), (width, 3, 1)]);

    public static NetworkDefinition Bottleneck(params int[] depths) =>
        Of(64, depths, (width, stride) => [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]);

    private static NetworkDefinition Of(int firstWidth, int[] depths, Func<int, int, (int Channels, int Kernel, int Stride)[]> unit) => (net, x, classes) =>
    {
        x = net.Conv(x, "conv1", firstWidth, 3, padding: 1, bias: false);
        for (var stage = 0; stage < depths.Length; stage++)
        {
            for (var i = 0; i < depths[stage]; i++)
            {
                var stride = stage > 0 && i == 0 ? 2 : 1;
                x = Unit(net, x, $"layer{stage + 1}.{i}", stride, unit(firstWidth << stage, stride));
            }
        }

        return net.Linear(net.Flatten(net.GlobalAveragePool(x)), "linear", classes);
    };

    private static FeatureMap Unit(NetworkBuilder net, FeatureMap x, string name, int stride, (int Channels, int Kernel, int Stride)[] convolutions)
    {
        var y = x;
        var shortcut = x;
        for (var i = 0; i < convolutions.Length; i++)
        {
            y = net.Relu(net.BatchNorm(y, $"{name}.bn{i + 1}"));
            if (i == 0 && (stride != 1 || x.Channels != convolutions[^1].Channels))
                shortcut = net.Conv(y, $"{name}.shortcut.0", convolutions[^1].Channels, 1, stride, bias: false);
            var (channels, kernel, step) = convolutions[i];
            y = net.Conv(y, $"{name}.conv{i + 1}", channels, kernel, step, kernel / 2, bias: false);
        }

        return net.Add(y, shortcut);
    }
}
