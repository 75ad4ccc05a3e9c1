using System.Globalization;

namespace Ulrl.Training.Onnx;

/// <summary>One dimension of a tensor as a model declares it: a number, a name such as <c>batch</c>, or unknown.</summary>
public readonly record struct OnnxDimension
{
    /// <summary>Creates a dimension.</summary>
    /// <param name="value">Its size, or null where it is not fixed.</param>
    /// <param name="symbol">Its name, or null where it is fixed or has none.</param>
    internal OnnxDimension(long? value, string? symbol)
    {
        Value = value;
        Symbol = symbol;
    }

    /// <summary>Size of a fixed dimension; null for a symbolic or unknown one.</summary>
    public long? Value { get; }

    /// <summary>Name of a symbolic dimension; null for a fixed or unknown one.</summary>
    public string? Symbol { get; }

    /// <summary>Whether the size is given.</summary>
    public bool IsFixed => Value is not null;

    /// <summary>The size, the name, or <c>?</c>.</summary>
    public override string ToString() => Value?.ToString(CultureInfo.InvariantCulture) ?? Symbol ?? "?";
}
