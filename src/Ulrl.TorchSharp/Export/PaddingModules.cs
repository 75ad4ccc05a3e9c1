using TorchSharp;
using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Padding.</summary>
internal static class PaddingModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<ZeroPad2d>((g, m, x) => Pad(g, m, x, "constant"));
        modules.Add<ConstantPad1d>((g, m, x) => Pad(g, m, x, "constant"));
        modules.Add<ConstantPad2d>((g, m, x) => Pad(g, m, x, "constant"));
        modules.Add<ConstantPad3d>((g, m, x) => Pad(g, m, x, "constant"));
        modules.Add<ReflectionPad1d>((g, m, x) => Pad(g, m, x, "reflect"));
        modules.Add<ReflectionPad2d>((g, m, x) => Pad(g, m, x, "reflect"));
        modules.Add<ReflectionPad3d>((g, m, x) => Pad(g, m, x, "reflect"));
        modules.Add<ReplicationPad1d>((g, m, x) => Pad(g, m, x, "replicate"));
        modules.Add<ReplicationPad2d>((g, m, x) => Pad(g, m, x, "replicate"));
        modules.Add<ReplicationPad3d>((g, m, x) => Pad(g, m, x, "replicate"));
    }

    /// <summary>PyTorch's name of a mode.</summary>
    public static string Name(PaddingModes mode) => mode switch
    {
        PaddingModes.Reflect => "reflect",
        PaddingModes.Replicate => "replicate",
        PaddingModes.Circular => "circular",
        _ => "constant",
    };

    private static OnnxValue Pad(OnnxGraph g, PadBase m, OnnxValue x, string mode) => g.Wrap(g.Torch.Pad(x.Tensor, mode, m.value, m.padding));
}
