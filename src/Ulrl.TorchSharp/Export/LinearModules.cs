using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Linear layers, embeddings, dropout.</summary>
internal static class LinearModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<Linear>((g, m, x) => g.Wrap(g.Torch.Linear(x.Tensor, g.State("weight"), g.Optional(m.bias, "bias"))));
        modules.Add<Embedding>((g, _, x) => g.Wrap(g.Torch.Embedding(x.Tensor, g.State("weight"))));
        modules.Add<Dropout>((g, m, x) => g.Wrap(g.Torch.Dropout(x.Tensor, m.p)));

        // ONNX drops single elements alone: dropout of channels, and that of SELU networks, is off.
        modules.Add<Dropout1d>((_, _, x) => x);
        modules.Add<Dropout2d>((_, _, x) => x);
        modules.Add<Dropout3d>((_, _, x) => x);
        modules.Add<AlphaDropout>((_, _, x) => x);
        modules.Add<FeatureAlphaDropout>((_, _, x) => x);
        modules.Add<Identity>((_, _, x) => x);
    }
}
