using Ulrl.Training.Data;
using Ulrl.Training.Purification;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp;

/// <summary>Purifies a live module in place.</summary>
public static class ModulePurification
{
    /// <summary>Exports a classifier, purifies it with clean samples and puts the purified weights and running statistics back into it.</summary>
    /// <param name="module">The classifier; its answers are logits [batch, classes]. It is changed only once the purification has ended well.</param>
    /// <param name="clean">Clean samples as the module reads them (normalised), with their labels; their shape is that of the export.</param>
    /// <param name="options">Settings; the preset <see cref="PurificationPreset.Balanced"/> by default.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="notice">Told in one line what the user should know, such as the device that <c>auto</c> took.</param>
    /// <param name="cancellation">Stops the run within a step.</param>
    /// <returns>The purified model as ONNX, ready to be served, and the report.</returns>
    /// <exception cref="OnnxExportException">A module cannot be exported; the message names its path.</exception>
    /// <exception cref="Ulrl.Training.UlrlException">The model cannot be trained, the samples do not fit it, or the device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static PurificationResult Purify(
        this nn.Module module,
        LabeledSamples clean,
        PurificationOptions? options = null,
        IProgress<PurificationProgress>? progress = null,
        Action<string>? notice = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(clean);
        var model = module.ToOnnx([1, .. clean.SampleShape.Select(d => (long)d)]);
        var result = Purifier.Purify(model, clean, options, progress, notice, cancellation: cancellation);
        module.LoadFrom(result.Model);
        return result;
    }
}
