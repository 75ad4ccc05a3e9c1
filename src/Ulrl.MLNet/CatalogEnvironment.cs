using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Ulrl.MLNet;

/// <summary>What a component needs of the <see cref="MLContext"/> behind a catalog.</summary>
/// <remarks>
/// Microsoft.ML shows a catalog's environment to its own assemblies only. This is the one place that reaches for it, and
/// a test holds it to the referenced version; <see cref="PurifyBackdoorEstimator(MLContext, PurifyBackdoorEstimator.Options)"/>
/// needs nothing but public members.
/// </remarks>
internal static class CatalogEnvironment
{
    /// <summary>The environment of a catalog: channels, random numbers, error marking.</summary>
    /// <exception cref="NotSupportedException">This version of Microsoft.ML keeps it elsewhere.</exception>
    public static IHostEnvironment Of(TransformsCatalog catalog)
    {
        try
        {
            return Environment(catalog);
        }
        catch (MissingMethodException e)
        {
            throw new NotSupportedException(
                $"Microsoft.ML {typeof(TransformsCatalog).Assembly.GetName().Version} does not show a catalog's environment where Ulrl.MLNet looks for it; create the estimator with new PurifyBackdoorEstimator(mlContext, options).", e);
        }
    }

    /// <summary>The device that a component uses: what it was told, otherwise what its MLContext says, as <c>ApplyOnnxModel</c> has it.</summary>
    /// <param name="environment">An MLContext or the environment of a catalog; both have the properties, only MLContext's type is public.</param>
    /// <param name="gpuDeviceId">The device that the component was told.</param>
    /// <param name="fallbackToCpu">What the component was told to do without that device.</param>
    /// <exception cref="NotSupportedException">The environment does not have the properties.</exception>
    public static (int? GpuDeviceId, bool FallbackToCpu) DeviceOf(IHostEnvironment environment, int? gpuDeviceId, bool fallbackToCpu)
    {
        if (gpuDeviceId is null && (int?)Property(environment, nameof(MLContext.GpuDeviceId)).GetValue(environment) is { } device)
            return (device, (bool)Property(environment, nameof(MLContext.FallbackToCpu)).GetValue(environment)!);
        return (gpuDeviceId, fallbackToCpu);
    }

    /// <summary>The catalog to make a transformer for the CPU with, whatever device the context names.</summary>
    /// <remarks>
    /// ApplyOnnxModel takes the context's device where it is given none, and with a CPU-only ONNX Runtime it fails there even if it may
    /// fall back.
    /// </remarks>
    public static TransformsCatalog ForCpu(TransformsCatalog catalog, IHostEnvironment environment) => DeviceOf(environment, null, false).GpuDeviceId is null
        ? catalog
        : new MLContext { TempFilePath = (string)Property(environment, nameof(MLContext.TempFilePath)).GetValue(environment)! }.Transforms;

    private static PropertyInfo Property(IHostEnvironment environment, string name) =>
        environment.GetType().GetProperty(name, BindingFlags.Public | BindingFlags.Instance)
            ?? throw new NotSupportedException(
                $"{environment.GetType()} of Microsoft.ML {environment.GetType().Assembly.GetName().Version} has no {name}; give gpuDeviceId, or create the estimator with new PurifyBackdoorEstimator(mlContext, options).");

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "Microsoft.ML.Data.IInternalCatalog.get_Environment")]
    private static extern IHostEnvironment Environment(TransformsCatalog catalog);
}
