using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Layer = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;

namespace Ulrl.TorchSharp.Tests.Export;

/// <summary>
/// Every layer of TorchSharp that a classifier is made of, in the variants of its arguments. Not Hardtanh and AdaptiveMaxPool3d, whose
/// forward passes do not work in TorchSharp 0.107: the one clamps nothing, the other loses its output size.
/// </summary>
public sealed class LayerTests
{
    private static readonly Dictionary<string, (Func<Layer> Make, long[] Shape)> Cases = All();

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_layer_computes_the_same_in_ONNX_for_any_batch(string name)
    {
        var (make, shape) = Cases[name];
        random.manual_seed(1);
        using var scope = NewDisposeScope();
        using var module = make();
        foreach (var (key, value) in module.state_dict())
        {
            // Statistics that could be left out unnoticed, and the affine parameters of GroupNorm, which TorchSharp 0.107 leaves as it finds the memory.
            if (key.EndsWith("running_mean", StringComparison.Ordinal)) value.copy_(rand_like(value));
            if (key.EndsWith("running_var", StringComparison.Ordinal)) value.copy_(rand_like(value) + 0.5);
            if (name == "GroupNorm") value.detach().copy_(rand_like(value) + 0.5);
        }

        foreach (var opset in new[] { 18, 21 })
        {
            var model = module.ToOnnx(shape, new OnnxExportOptions { Opset = opset });
            var input = randn([3, .. shape[1..]]);
            Onnx.AssertClose(Onnx.Live(module, input), Onnx.Run(model, input));
            var names = module.state_dict().Keys.ToHashSet(StringComparer.Ordinal);
            Assert.All(model.Initializers, i => Assert.Contains(i.Name, names));
            Assert.Equal(module.named_parameters().Select(p => p.name).Order(), model.Initializers.Select(i => i.Name).Where(n => !n.StartsWith("running_", StringComparison.Ordinal)).Order());
        }
    }

    private static Dictionary<string, (Func<Layer>, long[])> All()
    {
        var cases = new Dictionary<string, (Func<Layer>, long[])>(StringComparer.Ordinal);
        long[] vectors = [2, 6], sequence = [2, 4, 11], images = [2, 4, 9, 8], volumes = [2, 4, 5, 6, 7];
        void Add(string name, Func<Layer> make, long[] shape) => cases.Add(name, (make, shape));

        Add("Linear", () => Linear(6, 5), vectors);
        Add("Linear without bias on sequences", () => Linear(11, 5, hasBias: false), sequence);
        foreach (var mode in Enum.GetValues<PaddingModes>().Where(m => m != PaddingModes.Constant))
        {
            Add($"Conv1d {mode}", () => Conv1d(4, 6, 3, padding: 2, padding_mode: mode), sequence);
            Add($"Conv2d {mode}", () => Conv2d(4, 6, (3, 5), (2, 1), (1, 2), (1, 1), padding_mode: mode), images);
        }

        foreach (var mode in new[] { PaddingModes.Zeros, PaddingModes.Replicate, PaddingModes.Circular })
            Add($"Conv3d {mode}", () => Conv3d(4, 6, 3, padding: 1, padding_mode: mode), volumes);
        Add("Conv2d dilated", () => Conv2d(4, 6, 3, dilation: 2), images);
        Add("Conv2d grouped without bias", () => Conv2d(4, 6, 3, groups: 2, bias: false), images);
        Add("Conv2d depthwise strided", () => Conv2d(4, 4, 3, stride: 2, padding: 1, groups: 4), images);
        Add("Conv2d same", () => Conv2d(4, 6, 4, padding: Padding.Same), images);
        Add("Conv2d valid", () => Conv2d(4, 6, 4, padding: Padding.Valid), images);
        Add("Conv1d same reflect", () => Conv1d(4, 6, 4, padding: Padding.Same, padding_mode: PaddingModes.Reflect), sequence);
        Add("ConvTranspose1d", () => ConvTranspose1d(4, 6, 3, stride: 2, padding: 1, output_padding: 1), sequence);
        Add("ConvTranspose2d", () => ConvTranspose2d(4, 6, 3, stride: 2, padding: 1, output_padding: 1, groups: 2), images);
        Add("ConvTranspose2d dilated", () => ConvTranspose2d(4, 6, 3, dilation: 2), images);
        Add("ConvTranspose3d", () => ConvTranspose3d(4, 6, 3, stride: 2), volumes);
        Add("PixelShuffle", () => PixelShuffle(2), images);
        Add("PixelUnshuffle", () => PixelUnshuffle(2), [2, 4, 6, 8]);
        Add("ChannelShuffle", () => ChannelShuffle(2), images);

        Add("BatchNorm1d", () => BatchNorm1d(6), vectors);
        Add("BatchNorm1d on sequences", () => BatchNorm1d(4, eps: 1e-3, momentum: 0.3), sequence);
        Add("BatchNorm2d", () => BatchNorm2d(4), images);
        Add("BatchNorm2d without affine", () => BatchNorm2d(4, affine: false), images);
        Add("BatchNorm2d without statistics", () => BatchNorm2d(4, track_running_stats: false), images);
        Add("BatchNorm3d", () => BatchNorm3d(4), volumes);
        Add("InstanceNorm1d", () => InstanceNorm1d(4), sequence);
        Add("InstanceNorm2d affine", () => InstanceNorm2d(4, affine: true), images);
        Add("InstanceNorm2d with statistics", () => InstanceNorm2d(4, affine: true, track_running_stats: true), images);
        Add("InstanceNorm3d", () => InstanceNorm3d(4), volumes);
        Add("LayerNorm", () => LayerNorm(11), sequence);
        Add("LayerNorm over images without affine", () => LayerNorm([4, 9, 8], elementwise_affine: false), images);
        Add("LayerNorm over two dimensions", () => LayerNorm([9, 8], eps: 1e-3), images);
        Add("GroupNorm", () => GroupNorm(2, 4), images);
        Add("GroupNorm without affine", () => GroupNorm(4, 4, affine: false), sequence);
        Add("LocalResponseNorm", () => LocalResponseNorm(3, alpha: 0.1, beta: 0.7, k: 2), images);
        Add("LocalResponseNorm of an even window", () => LocalResponseNorm(2, alpha: 0.1), images);

        foreach (var (name, make) in new (string, Func<Layer>)[]
        {
            ("ReLU", () => ReLU()), ("ReLU6", () => ReLU6()), ("LeakyReLU", () => LeakyReLU(0.2)), ("RReLU", () => RReLU()), ("ELU", () => ELU(1.5)),
            ("CELU", () => CELU(1.5)), ("SELU", () => SELU()), ("GELU", () => GELU()), ("GELU tanh", () => GELU(global::TorchSharp.Modules.GELU.Approximate.tanh)), ("SiLU", () => SiLU()), ("Mish", () => Mish()),
            ("Sigmoid", () => Sigmoid()), ("LogSigmoid", () => LogSigmoid()), ("Hardsigmoid", () => Hardsigmoid()), ("Hardswish", () => Hardswish()),
            ("Tanh", () => Tanh()), ("Tanhshrink", () => Tanhshrink()), ("Softplus", () => Softplus()),
            ("Softplus with threshold", () => Softplus(2, 1)), ("Softsign", () => Softsign()), ("Softshrink", () => Softshrink(0.3)), ("Hardshrink", () => Hardshrink(0.3)),
            ("Threshold", () => Threshold(0.1, -20)), ("Softmax", () => Softmax(1)), ("Softmax2d", () => Softmax2d()), ("Softmin", () => Softmin(-1)),
            ("LogSoftmax", () => LogSoftmax(1)), ("GLU", () => GLU(1)), ("PReLU", () => PReLU(1)), ("PReLU per channel", () => PReLU(4)),
            ("Dropout", () => Dropout(0.5)), ("Dropout2d", () => Dropout2d(0.5)), ("AlphaDropout", () => AlphaDropout(0.5)), ("FeatureAlphaDropout", () => FeatureAlphaDropout(0.5)), ("Identity", () => Identity()),
        })
        {
            Add(name, make, images);
        }

        Add("Dropout1d", () => Dropout1d(0.5), sequence);
        Add("Dropout3d", () => Dropout3d(0.5), volumes);

        Add("MaxPool1d", () => MaxPool1d(3, stride: 2, padding: 1), sequence);
        Add("MaxPool2d", () => MaxPool2d(2), images);
        Add("MaxPool2d rounding up", () => MaxPool2d(3, stride: 2, padding: 1, ceil_mode: true), images);
        Add("MaxPool2d dilated", () => MaxPool2d(2, stride: 1, dilation: 2), images);
        Add("MaxPool3d", () => MaxPool3d(2), volumes);
        Add("AvgPool1d", () => AvgPool1d(3, padding: 1), sequence);
        Add("AvgPool2d", () => AvgPool2d(2), images);
        Add("AvgPool2d padded", () => AvgPool2d(3, stride: 2, padding: 1), images);
        Add("AvgPool2d padded without counting", () => AvgPool2d(3, stride: 2, padding: 1, count_include_pad: false), images);
        Add("AvgPool2d rounding up", () => AvgPool2d(3, stride: 2, padding: 1, ceil_mode: true), images);
        Add("AvgPool2d rounding up without padding", () => AvgPool2d(3, stride: 2, ceil_mode: true), images);
        Add("AvgPool2d rounding up without counting", () => AvgPool2d(3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false), images);
        Add("AvgPool2d with a divisor", () => AvgPool2d(3, stride: 2, padding: 1, ceil_mode: true, divisor_override: 5), images);
        Add("AvgPool3d", () => AvgPool3d(2), volumes);
        Add("LPPool1d", () => LPPool1d(2, 3), sequence);
        Add("LPPool2d", () => LPPool2d(2, 2, stride: 1), images);
        Add("AdaptiveAvgPool1d", () => AdaptiveAvgPool1d(4), sequence);
        Add("AdaptiveAvgPool2d to one", () => AdaptiveAvgPool2d(1), images);
        Add("AdaptiveAvgPool2d uneven", () => AdaptiveAvgPool2d([4, 5]), images);
        Add("AdaptiveAvgPool2d even", () => AdaptiveAvgPool2d([3, 4]), images);
        Add("AdaptiveAvgPool2d larger", () => AdaptiveAvgPool2d([10, 12]), images);
        Add("AdaptiveAvgPool3d", () => AdaptiveAvgPool3d([2, 3, 4]), volumes);
        Add("AdaptiveMaxPool1d", () => AdaptiveMaxPool1d(4), sequence);
        Add("AdaptiveMaxPool2d", () => AdaptiveMaxPool2d([4, 5]), images);

        foreach (var align in new[] { false, true })
        {
            Add($"Upsample linear {align}", () => Upsample(scale_factor: [2], mode: UpsampleMode.Linear, align_corners: align), sequence);
            Add($"Upsample bilinear {align}", () => Upsample([13, 17], mode: UpsampleMode.Bilinear, align_corners: align), images);
            Add($"Upsample bicubic {align}", () => Upsample(scale_factor: [2, 2], mode: UpsampleMode.Bicubic, align_corners: align), images);
            Add($"Upsample trilinear {align}", () => Upsample(scale_factor: [2, 2, 2], mode: UpsampleMode.Trilinear, align_corners: align), volumes);
        }

        Add("Upsample nearest", () => Upsample(scale_factor: [1.5, 2.5], mode: UpsampleMode.Nearest), images);
        Add("Upsample nearest by size", () => Upsample([12, 11], mode: UpsampleMode.Nearest), images);
        Add("Upsample smaller", () => Upsample([5, 3], mode: UpsampleMode.Bilinear), images);

        Add("ZeroPad2d", () => ZeroPad2d((1, 2, 3, 4)), images);
        Add("ConstantPad1d", () => ConstantPad1d((1, 2), 0.5), sequence);
        Add("ConstantPad2d that cuts", () => ConstantPad2d((-1, 2, 0, -2), 0.5), images);
        Add("ConstantPad3d", () => ConstantPad3d(1, 0.5), volumes);
        Add("ReflectionPad1d", () => ReflectionPad1d((1, 2)), sequence);
        Add("ReflectionPad2d", () => ReflectionPad2d((1, 2, 3, 4)), images);
        Add("ReflectionPad3d", () => ReflectionPad3d(1), volumes);
        Add("ReplicationPad1d", () => ReplicationPad1d(2), sequence);
        Add("ReplicationPad2d", () => ReplicationPad2d((1, 2, 3, 4)), images);
        Add("ReplicationPad3d", () => ReplicationPad3d(1), volumes);

        Add("Flatten", () => Flatten(), images);
        Add("Flatten of some dimensions", () => Flatten(2, 3), images);
        Add("Unflatten", () => Unflatten(1, [2, 3]), vectors);
        return cases;
    }
}
