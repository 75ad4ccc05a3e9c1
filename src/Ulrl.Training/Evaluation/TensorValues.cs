using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Evaluation;

/// <summary>Runtime tensors of any floating-point type, from and to single precision.</summary>
internal static class TensorValues
{
    /// <summary>A tensor of a model's input type; single precision is used where it lies.</summary>
    public static OrtValue Create(Memory<float> values, long[] shape, DataType type) => type switch
    {
        DataType.Float16 => Convert(values.Span, shape, v => (Float16)v),
        DataType.Bfloat16 => Convert(values.Span, shape, v => (BFloat16)v),
        DataType.Double => Convert(values.Span, shape, v => (double)v),
        _ => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape),
    };

    /// <summary>The values of a floating-point tensor.</summary>
    /// <exception cref="InvalidModelException">The tensor holds no floating-point numbers.</exception>
    public static float[] ReadFloats(OrtValue tensor, string name) => tensor.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.Float => tensor.GetTensorDataAsSpan<float>().ToArray(),
        TensorElementType.Float16 => Convert(tensor.GetTensorDataAsSpan<Float16>(), v => (float)v),
        TensorElementType.BFloat16 => Convert(tensor.GetTensorDataAsSpan<BFloat16>(), v => (float)v),
        TensorElementType.Double => Convert(tensor.GetTensorDataAsSpan<double>(), v => (float)v),
        var other => throw new InvalidModelException($"output '{name}' holds {other}; a classifier answers with floating-point numbers."),
    };

    private static OrtValue Convert<T>(ReadOnlySpan<float> values, long[] shape, Func<float, T> convert)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(Convert(values, convert), shape);

    private static TTo[] Convert<TFrom, TTo>(ReadOnlySpan<TFrom> values, Func<TFrom, TTo> convert)
    {
        var converted = new TTo[values.Length];
        for (var i = 0; i < values.Length; i++)
            converted[i] = convert(values[i]);
        return converted;
    }
}
