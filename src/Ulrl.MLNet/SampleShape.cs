using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Ulrl.Training.Autodiff;

namespace Ulrl.MLNet;

/// <summary>The shape of one sample: the model's input, with what it leaves open taken from the column.</summary>
internal static class SampleShape
{
    /// <exception cref="ArgumentOutOfRangeException">The column's vectors do not fit the model's input.</exception>
    public static int[] Of(IExceptionContext context, string column, VectorDataViewType type, ModelInterface model)
    {
        var open = model.SampleShape.Count(d => d < 0);
        var declared = type.Dimensions.Length == model.SampleShape.Count + 1 && type.Dimensions[0] == 1 ? type.Dimensions.RemoveAt(0) : type.Dimensions;
        var fits = declared.Length == model.SampleShape.Count && declared.Zip(model.SampleShape).All(p => p.Second < 0 || p.First == p.Second);
        if (open > 0 && fits) return [.. declared];
        if (open > 1) throw Mismatch($"a vector of the dimensions {Text(model)}");

        // A flat vector, as most of ML.NET's components write it.
        var fixedSize = model.SampleShape.Where(d => d > 0).Aggregate(1L, (a, b) => a * b);
        if (type.Size % fixedSize != 0 || (open == 0 && type.Size != fixedSize))
            throw Mismatch(open == 0 ? $"a vector of {fixedSize} values ({Text(model)})" : $"a vector of a multiple of {fixedSize} values ({Text(model)})");
        return [.. model.SampleShape.Select(d => (int)(d < 0 ? type.Size / fixedSize : d))];

        ArgumentOutOfRangeException Mismatch(string expected) => SchemaErrors.Mismatch(context, "input", "input", column, $"{expected} for the model's input '{model.InputName}'", type.ToString());
    }

    private static string Text(ModelInterface model) => string.Join(" x ", model.SampleShape.Select(d => d < 0 ? "?" : d.ToString(System.Globalization.CultureInfo.InvariantCulture)));
}
