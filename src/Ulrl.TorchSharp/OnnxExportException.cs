using Ulrl.Training;

namespace Ulrl.TorchSharp;

/// <summary>A module could not be written as ONNX, or does not compute what its ONNX graph computes; the message names the module by its path.</summary>
public sealed class OnnxExportException : UlrlException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">One sentence that names the module and says what to do.</param>
    public OnnxExportException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error.</summary>
    /// <param name="message">One sentence that names the module and says what to do.</param>
    /// <param name="innerException">What went wrong underneath.</param>
    public OnnxExportException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
