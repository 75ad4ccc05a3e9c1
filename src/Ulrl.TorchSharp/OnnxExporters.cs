using System.Collections.Concurrent;
using TorchSharp;
using Ulrl.TorchSharp.Export;

namespace Ulrl.TorchSharp;

/// <summary>Says how modules are written as ONNX that do not say so themselves (<see cref="IOnnxExportable"/>).</summary>
public static class OnnxExporters
{
    private static readonly ConcurrentDictionary<Type, Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue>> Registered = new();

    /// <summary>Registers an exporter for a type of module and those derived from it; it comes before a built-in one, and replaces one registered earlier.</summary>
    /// <typeparam name="TModule">The type of module.</typeparam>
    /// <param name="export">Writes the forward pass of a module on an input, and gives its output.</param>
    public static void Register<TModule>(Func<OnnxGraph, TModule, OnnxValue, OnnxValue> export)
        where TModule : torch.nn.Module
    {
        ArgumentNullException.ThrowIfNull(export);
        Registered[typeof(TModule)] = (graph, module, x) => export(graph, (TModule)module, x);
    }

    internal static Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue>? Find(torch.nn.Module module)
    {
        for (var type = module.GetType(); type is not null; type = type.BaseType)
        {
            if (Registered.TryGetValue(type, out var export)) return export;
        }

        if (module is IOnnxExportable exportable) return (graph, _, x) => exportable.Export(graph, x);
        return BuiltInModules.Find(module);
    }
}
