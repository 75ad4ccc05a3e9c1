using TorchSharp;
using Ulrl.MLNet;
using Ulrl.Training.Onnx;
using Ulrl.TorchSharp;

namespace Microsoft.ML;

/// <summary>Extensions of <see cref="TransformsCatalog"/> that create a <see cref="PurifyBackdoorEstimator"/> for a live TorchSharp module.</summary>
public static class PurifyModuleCatalog
{
    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/>, which removes a backdoor from a module with clean samples and scores with the result.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="outputColumnName">Name of the column with the purified model's scores, a vector of <see cref="float"/>.</param>
    /// <param name="inputColumnName">Name of the column with the samples, a vector of known size of any numeric type.</param>
    /// <param name="labelColumnName">Name of the column with the classes of the clean samples: a key, a number, a Boolean or a one-hot vector.</param>
    /// <param name="module">The module, exported here and now (<see cref="OnnxExport"/>).</param>
    /// <param name="exampleShape">Shape of an input, the batch included, e.g. [1, 3, 32, 32].</param>
    /// <param name="updateModule">Whether the tuned weights go back into the module at the end of every Fit; default false, which leaves it as it is.</param>
    /// <param name="gpuDeviceId">CUDA device to train and score on; null for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.</param>
    /// <param name="fallbackToCpu">Whether the CPU takes over, with a warning in the log, where the device cannot be used.</param>
    /// <exception cref="OnnxExportException">The module cannot be written as ONNX; the message names what lacks an exporter.</exception>
    /// <exception cref="Ulrl.Training.InvalidModelException">The module is no classifier.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog,
        string outputColumnName,
        string inputColumnName,
        string labelColumnName,
        torch.nn.Module module,
        ReadOnlySpan<long> exampleShape,
        bool updateModule = false,
        int? gpuDeviceId = null,
        bool fallbackToCpu = false) =>
        catalog.PurifyBackdoor(module, exampleShape, updateModule, new PurifyBackdoorEstimator.Options
        {
            OutputColumnName = outputColumnName,
            InputColumnName = inputColumnName,
            LabelColumnName = labelColumnName,
            GpuDeviceId = gpuDeviceId,
            FallbackToCpu = fallbackToCpu,
        });

    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/> for a module, with every setting.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="module">The module, exported here and now (<see cref="OnnxExport"/>).</param>
    /// <param name="exampleShape">Shape of an input, the batch included, e.g. [1, 3, 32, 32].</param>
    /// <param name="updateModule">Whether the tuned weights go back into the module at the end of every Fit.</param>
    /// <param name="options">Settings; copied. They name no model, and <see cref="PurifyBackdoorEstimator.Options.Purified"/> is called after the module has its weights.</param>
    /// <exception cref="OnnxExportException">The module cannot be written as ONNX; the message names what lacks an exporter.</exception>
    /// <exception cref="Ulrl.Training.InvalidModelException">The module is no classifier.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog, torch.nn.Module module, ReadOnlySpan<long> exampleShape, bool updateModule, PurifyBackdoorEstimator.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(options);
        var settings = options.Clone();
        settings.Model = module.ToOnnx(exampleShape);
        if (updateModule) settings.Purified = (Action<OnnxModel>)(model => module.LoadFrom(model)) + options.Purified;
        return catalog.PurifyBackdoor(settings);
    }
}
