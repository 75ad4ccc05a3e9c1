using TorchSharp;
using TorchSharp.Modules;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>The modules and tensors of a module, by the names of its state dict.</summary>
internal sealed class ModuleState
{
    private readonly Dictionary<nn.Module, string> paths = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Tensor> tensors;
    private readonly Dictionary<string, string> names = new(StringComparer.Ordinal);
    private readonly HashSet<string> parameters;
    private readonly HashSet<string> statistics = new(StringComparer.Ordinal);

    public ModuleState(nn.Module root)
    {
        foreach (var (name, module) in root.named_modules().Prepend(("", root)))
        {
            paths.TryAdd(module, name);
            if (module is BatchNorm) statistics.UnionWith([Join(name, "running_mean"), Join(name, "running_var")]);
        }

        tensors = root.state_dict();
        parameters = root.named_parameters().Select(p => p.name).ToHashSet(StringComparer.Ordinal);

        // A tensor that two modules share is one initializer, under its first name.
        var first = new Dictionary<IntPtr, string>();
        foreach (var (name, tensor) in tensors)
        {
            first.TryAdd(tensor.Handle, name);
            names.Add(name, first[tensor.Handle]);
        }
    }

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => tensors;

    /// <summary>Whether a tensor is a parameter rather than a buffer.</summary>
    public bool IsParameter(string name) => parameters.Contains(name);

    /// <summary>Whether a buffer is a running statistic that batch-norm has as an initializer.</summary>
    public bool IsBatchNormStatistic(string name) => statistics.Contains(name);

    /// <summary>The name of the initializer that holds a tensor.</summary>
    public string InitializerOf(string name) => names[name];

    public string? PathOf(nn.Module module) => paths.GetValueOrDefault(module);

    public (string Name, Tensor Tensor, bool IsParameter)? Find(string path, string name)
    {
        var full = Join(path, name);
        return tensors.TryGetValue(full, out var tensor) ? (names[full], tensor, parameters.Contains(full)) : null;
    }

    /// <summary>The tensors of one module by their names in its own state dict.</summary>
    public Dictionary<string, Tensor> Below(string path)
    {
        var prefix = path.Length == 0 ? "" : path + ".";
        return tensors.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(t => t.Key[prefix.Length..], t => t.Value, StringComparer.Ordinal);
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    public static TensorProto ToProto(string name, Tensor tensor) => TensorData.Create(name, tensor.shape, Floats(tensor).AsSpan());

    /// <summary>The elements as float, row-major.</summary>
    public static float[] Floats(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }
}
