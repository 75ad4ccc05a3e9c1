using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Shapes.</summary>
internal static class ShapeModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<Flatten>((g, m, x) => g.Flatten(x, m.start_dim, m.end_dim));
        modules.Add<Unflatten>((g, m, x) => g.Wrap(g.Torch.Unflatten(x.Tensor, m.dim, m.unflattened_size)));
    }
}
