namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>The block that MobileNetV3 and EfficientNet share: expand, depthwise convolution, squeeze and excite, project.</summary>
/// <param name="Kernel">Kernel of the depthwise convolution.</param>
/// <param name="Expanded">Channels of the depthwise convolution; no expansion where the input has as many.</param>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Stride">Stride of the depthwise convolution.</param>
/// <param name="Squeezed">Channels between squeezing and exciting; 0 for none.</param>
internal sealed record InvertedResidual(int Kernel, int Expanded, int Channels, int Stride, int Squeezed)
{
    public required Func<FeatureMap, FeatureMap> Activation { get; init; }

    public required Func<FeatureMap, FeatureMap> SqueezeActivation { get; init; }

    public required Func<FeatureMap, FeatureMap> Gate { get; init; }

    /// <summary>Batch-norm of a name.</summary>
    public required Func<FeatureMap, string, FeatureMap> Norm { get; init; }

    public FeatureMap Apply(NetworkBuilder net, FeatureMap x, string name)
    {
        var y = x;
        var layer = 0;
        if (Expanded != x.Channels) y = Activation(Convolved(y, Expanded, 1, 1, 1));
        y = Activation(Convolved(y, Expanded, Kernel, Stride, Expanded));
        if (Squeezed > 0)
        {
            var gate = SqueezeActivation(net.Conv(net.GlobalAveragePool(y), $"{name}.block.{layer}.fc1", Squeezed, 1));
            y = net.Multiply(y, Gate(net.Conv(gate, $"{name}.block.{layer++}.fc2", Expanded, 1)));
        }

        y = Convolved(y, Channels, 1, 1, 1);
        return Stride == 1 && x.Channels == Channels ? net.Add(y, x) : y;

        FeatureMap Convolved(FeatureMap v, int channels, int kernel, int stride, int groups)
        {
            var block = $"{name}.block.{layer++}";
            return Norm(net.Conv(v, $"{block}.0", channels, kernel, stride, kernel / 2, groups, bias: false), $"{block}.1");
        }
    }

    /// <summary>The multiple of 8 nearest to a number of channels, not more than a tenth below it.</summary>
    public static int RoundChannels(double channels)
    {
        var rounded = Math.Max(8, (int)(channels + 4) / 8 * 8);
        return rounded < 0.9 * channels ? rounded + 8 : rounded;
    }
}
