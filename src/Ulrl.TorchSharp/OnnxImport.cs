using TorchSharp;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;
using Ulrl.TorchSharp.Export;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp;

/// <summary>Takes the weights of an ONNX model back into the live module that it was written from.</summary>
public static class OnnxImport
{
    /// <summary>
    /// Copies a model's initializers into the parameters and buffers of the same names, running statistics included, on the module's own
    /// device and in its own element types. Nothing is copied unless everything fits.
    /// </summary>
    /// <param name="module">The module that the model was written from with <see cref="OnnxExport"/>, or one like it.</param>
    /// <param name="model">The model, for example a purified one.</param>
    /// <param name="strict">
    /// Whether all parameters and batch-norm statistics of the module must be in the model and all floating-point initializers of the
    /// model in the module (default); otherwise those that are in both are copied.
    /// </param>
    /// <exception cref="OnnxExportException">Names or shapes do not match; the message lists them.</exception>
    public static void LoadFrom(this nn.Module module, OnnxModel model, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(model);
        var state = new ModuleState(module);
        var initializers = model.Proto.Graph.Initializer.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var used = new HashSet<string>(StringComparer.Ordinal);
        var copies = new List<(Tensor To, float[] Values)>();
        List<string> missing = [], misshapen = [];
        foreach (var (name, tensor) in state.Tensors)
        {
            if (!initializers.TryGetValue(name, out var found) && !initializers.TryGetValue(state.InitializerOf(name), out found))
            {
                if (state.IsParameter(name) || state.IsBatchNormStatistic(name)) missing.Add($"'{name}'");
                continue;
            }

            used.Add(found.Name);
            if (found.Dims.SequenceEqual(tensor.shape)) copies.Add((tensor, TensorData.ReadFloats(found)));
            else misshapen.Add($"'{name}' is [{string.Join(", ", found.Dims)}] instead of [{string.Join(", ", tensor.shape)}]");
        }

        var unexpected = initializers.Values.Where(t => !used.Contains(t.Name) && (OnnxElementType)t.DataType is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16).Select(t => $"'{t.Name}'").ToList();
        string[] complaints = [.. StateDictNames.List("missing", strict ? missing : []), .. StateDictNames.List("unexpected", strict ? unexpected : []), .. StateDictNames.List("wrongly shaped", misshapen)];
        if (complaints.Length > 0)
            throw new OnnxExportException($"{model.Label} does not hold the weights of this module: {string.Join("; ", complaints)}; give a model that module.ToOnnx wrote.");
        if (copies.Count == 0)
            throw new OnnxExportException($"{model.Label} and the module have no weights of the same names; give a model that module.ToOnnx wrote.");
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        foreach (var (to, values) in copies) to.copy_(tensor(values, to.shape));
    }
}
