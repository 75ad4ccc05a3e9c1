using TorchSharp;
using TorchSharp.Modules;

namespace Ulrl.TorchSharp.Export;

/// <summary>Containers, whose modules are applied in order.</summary>
internal static class ContainerModules
{
    public static void Register(BuiltInModules modules)
    {
        modules.Add<Sequential>((g, m, x) => Chain(g, m.children(), x));
        modules.AddGeneric(typeof(Sequential<,>), (g, m, x) => Chain(g, m.children(), x));
        modules.AddGeneric(typeof(ModuleList<>), (g, m, x) => Chain(g, m.children(), x));
        modules.AddGeneric(typeof(ModuleDict<>), (g, m, x) => Chain(g, m.children(), x));
    }

    private static OnnxValue Chain(OnnxGraph graph, IEnumerable<torch.nn.Module> modules, OnnxValue x) =>
        modules.Aggregate(x, (value, module) => graph.Call(module, value));
}
