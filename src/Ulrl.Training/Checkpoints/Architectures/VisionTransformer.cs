namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>
/// torchvision's vision transformer (<c>torchvision.models.vit_b_16</c>) for 224×224 images. Smaller images are enlarged
/// first, as BackdoorBench does it.
/// </summary>
internal static class VisionTransformer
{
    private const int Image = 224;
    private const int Patch = 16;
    private const int Layers = 12;
    private const int Heads = 12;
    private const int Width = 768;
    private const float Epsilon = 1e-6f;

    public static FeatureMap Base16(NetworkBuilder net, FeatureMap x, int classes)
    {
        const int Patches = Image / Patch * (Image / Patch);
        x = net.Conv(net.Upsample(x, Image, Image), "conv_proj", Width, Patch, Patch);
        x = net.Permute(net.Reshape(x, Width, Patches), 2, 1);
        x = net.Bias(net.Prepend(x, "class_token"), "encoder.pos_embedding");
        for (var i = 0; i < Layers; i++) x = Layer(net, x, $"encoder.layers.encoder_layer_{i}");
        return net.Linear(net.First(net.LayerNorm(x, "encoder.ln", Epsilon)), "heads.head", classes);
    }

    private static FeatureMap Layer(NetworkBuilder net, FeatureMap x, string name)
    {
        // torchvision before 0.13 called the two linear layers by number.
        net.Alias($"{name}.mlp.0", $"{name}.mlp.linear_1");
        net.Alias($"{name}.mlp.3", $"{name}.mlp.linear_2");
        x = net.Add(net.SelfAttention(net.LayerNorm(x, $"{name}.ln_1", Epsilon), $"{name}.self_attention", Heads), x);
        var y = net.Gelu(net.Linear(net.LayerNorm(x, $"{name}.ln_2", Epsilon), $"{name}.mlp.0", 4 * Width));
        return net.Add(net.Linear(y, $"{name}.mlp.3", Width), x);
    }
}
