using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Ulrl.MLNet;

/// <summary>Errors about columns, in the words and of the types that ML.NET's own components use.</summary>
internal static class SchemaErrors
{
    /// <summary>A column is missing.</summary>
    public static ArgumentOutOfRangeException Missing(IExceptionContext context, string parameter, string role, string column) =>
        context.Process(new ArgumentOutOfRangeException(parameter, $"Could not find {role} column '{column}'"));

    /// <summary>A column has another type than the component takes.</summary>
    public static ArgumentOutOfRangeException Mismatch(IExceptionContext context, string parameter, string role, string column, string expected, string actual) =>
        context.Process(new ArgumentOutOfRangeException(parameter, $"Schema mismatch for {role} column '{column}': expected {expected}, got {actual}"));

    /// <summary>The data of a column cannot be used.</summary>
    public static InvalidOperationException Data(IExceptionContext context, string role, string column, string problem) =>
        context.Process(new InvalidOperationException($"Cannot use {role} column '{column}': {problem}"));

    /// <summary>A value that the component was given cannot be used.</summary>
    public static ArgumentException Option(IExceptionContext context, string parameter, string problem) =>
        context.Process(new ArgumentException(problem, parameter));

    /// <summary>A column's type as ML.NET's messages write it.</summary>
    public static string TypeOf(SchemaShape.Column column)
    {
        var item = column.IsKey ? $"Key<{column.ItemType}>" : column.ItemType.ToString()!;
        return column.Kind switch
        {
            SchemaShape.Column.VectorKind.Vector => $"Vector<{item}>",
            SchemaShape.Column.VectorKind.VariableVector => $"VarVector<{item}>",
            _ => item,
        };
    }
}
