using TorchSharp;

namespace Ulrl.TorchSharp.Export;

/// <summary>The exporters of TorchSharp's own modules: one entry per type, beside its family.</summary>
internal sealed class BuiltInModules
{
    private static readonly BuiltInModules Standard = new();

    private readonly Dictionary<Type, Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue>> exporters = [];

    private BuiltInModules()
    {
        ContainerModules.Register(this);
        ConvolutionModules.Register(this);
        LinearModules.Register(this);
        NormalizationModules.Register(this);
        ActivationModules.Register(this);
        PoolingModules.Register(this);
        PaddingModules.Register(this);
        ShapeModules.Register(this);
        AttentionModules.Register(this);
    }

    public static Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue>? Find(torch.nn.Module module) =>
        Find(module.GetType()) is { } export ? export : null;

    public void Add<TModule>(Func<OnnxGraph, TModule, OnnxValue, OnnxValue> export)
        where TModule : torch.nn.Module => exporters.Add(typeof(TModule), (graph, module, x) => export(graph, (TModule)module, x));

    /// <summary>A family of types: an open generic type.</summary>
    public void AddGeneric(Type definition, Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue> export) => exporters.Add(definition, export);

    // Not of derived types: what a user's class makes of its base nobody knows, least of all whether it overrides forward.
    private static Func<OnnxGraph, torch.nn.Module, OnnxValue, OnnxValue>? Find(Type type) =>
        Standard.exporters.GetValueOrDefault(type) ?? (type.IsGenericType ? Standard.exporters.GetValueOrDefault(type.GetGenericTypeDefinition()) : null);
}
