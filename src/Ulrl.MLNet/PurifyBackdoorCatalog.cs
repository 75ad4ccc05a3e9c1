using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Ulrl.MLNet;
using Ulrl.Training.Onnx;

namespace Microsoft.ML;

/// <summary>Extensions of <see cref="TransformsCatalog"/> that create a <see cref="PurifyBackdoorEstimator"/>.</summary>
public static class PurifyBackdoorCatalog
{
    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/>, which removes a backdoor from a model file with clean samples and scores with the result.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="outputColumnName">Name of the column with the purified model's scores, a vector of <see cref="float"/>.</param>
    /// <param name="inputColumnName">Name of the column with the samples, a vector of known size of any numeric type.</param>
    /// <param name="labelColumnName">Name of the column with the classes of the clean samples: a key, a number, a Boolean or a one-hot vector.</param>
    /// <param name="modelFile">Path of the ONNX model.</param>
    /// <param name="gpuDeviceId">CUDA device to train and score on; null for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.</param>
    /// <param name="fallbackToCpu">Whether the CPU takes over, with a warning in the log, where the device cannot be used.</param>
    /// <exception cref="Ulrl.Training.InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string labelColumnName, string modelFile, int? gpuDeviceId = null, bool fallbackToCpu = false)
    {
        ArgumentNullException.ThrowIfNull(modelFile);
        return catalog.PurifyBackdoor(Options(outputColumnName, inputColumnName, labelColumnName, gpuDeviceId, fallbackToCpu, o => o.ModelFile = modelFile));
    }

    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/>, which removes a backdoor from a model in memory with clean samples and scores with the result.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="outputColumnName">Name of the column with the purified model's scores, a vector of <see cref="float"/>.</param>
    /// <param name="inputColumnName">Name of the column with the samples, a vector of known size of any numeric type.</param>
    /// <param name="labelColumnName">Name of the column with the classes of the clean samples: a key, a number, a Boolean or a one-hot vector.</param>
    /// <param name="modelBytes">The serialised ONNX model.</param>
    /// <param name="gpuDeviceId">CUDA device to train and score on; null for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.</param>
    /// <param name="fallbackToCpu">Whether the CPU takes over, with a warning in the log, where the device cannot be used.</param>
    /// <exception cref="Ulrl.Training.InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string labelColumnName, byte[] modelBytes, int? gpuDeviceId = null, bool fallbackToCpu = false)
    {
        ArgumentNullException.ThrowIfNull(modelBytes);
        return catalog.PurifyBackdoor(Options(outputColumnName, inputColumnName, labelColumnName, gpuDeviceId, fallbackToCpu, o => o.ModelBytes = modelBytes));
    }

    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/>, which removes a backdoor from a model in a stream with clean samples and scores with the result.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="outputColumnName">Name of the column with the purified model's scores, a vector of <see cref="float"/>.</param>
    /// <param name="inputColumnName">Name of the column with the samples, a vector of known size of any numeric type.</param>
    /// <param name="labelColumnName">Name of the column with the classes of the clean samples: a key, a number, a Boolean or a one-hot vector.</param>
    /// <param name="modelBytes">The serialised ONNX model, read to the stream's end; the stream is left open.</param>
    /// <param name="gpuDeviceId">CUDA device to train and score on; null for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.</param>
    /// <param name="fallbackToCpu">Whether the CPU takes over, with a warning in the log, where the device cannot be used.</param>
    /// <exception cref="Ulrl.Training.InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string labelColumnName, Stream modelBytes, int? gpuDeviceId = null, bool fallbackToCpu = false)
    {
        ArgumentNullException.ThrowIfNull(modelBytes);
        return catalog.PurifyBackdoor(outputColumnName, inputColumnName, labelColumnName, OnnxModel.Load(modelBytes), gpuDeviceId, fallbackToCpu);
    }

    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/>, which removes a backdoor from a model that was imported with clean samples and scores with the result.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="outputColumnName">Name of the column with the purified model's scores, a vector of <see cref="float"/>.</param>
    /// <param name="inputColumnName">Name of the column with the samples, a vector of known size of any numeric type.</param>
    /// <param name="labelColumnName">Name of the column with the classes of the clean samples: a key, a number, a Boolean or a one-hot vector.</param>
    /// <param name="model">The model, from whichever importer of Ulrl; it is not changed.</param>
    /// <param name="gpuDeviceId">CUDA device to train and score on; null for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.</param>
    /// <param name="fallbackToCpu">Whether the CPU takes over, with a warning in the log, where the device cannot be used.</param>
    /// <exception cref="Ulrl.Training.InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string labelColumnName, OnnxModel model, int? gpuDeviceId = null, bool fallbackToCpu = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        return catalog.PurifyBackdoor(Options(outputColumnName, inputColumnName, labelColumnName, gpuDeviceId, fallbackToCpu, o => o.Model = model));
    }

    /// <summary>Creates a <see cref="PurifyBackdoorEstimator"/> with every setting.</summary>
    /// <param name="catalog">The transform's catalog.</param>
    /// <param name="options">Settings; copied.</param>
    /// <exception cref="ArgumentException">A setting cannot be used.</exception>
    /// <exception cref="Ulrl.Training.InvalidModelException">The model cannot be read, or is no classifier of one data input.</exception>
    public static PurifyBackdoorEstimator PurifyBackdoor(this TransformsCatalog catalog, PurifyBackdoorEstimator.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new PurifyBackdoorEstimator(catalog, CatalogEnvironment.Of(catalog), options);
    }

    private static PurifyBackdoorEstimator.Options Options(
        string output, string input, string label, int? gpuDeviceId, bool fallbackToCpu, Action<PurifyBackdoorEstimator.Options> model)
    {
        var options = new PurifyBackdoorEstimator.Options
        {
            OutputColumnName = output,
            InputColumnName = input,
            LabelColumnName = label,
            GpuDeviceId = gpuDeviceId,
            FallbackToCpu = fallbackToCpu,
        };
        model(options);
        return options;
    }
}
