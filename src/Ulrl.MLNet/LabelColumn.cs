using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Ulrl.MLNet;

/// <summary>The label column of the clean samples: a key, a number, a Boolean, or a one-hot vector.</summary>
internal sealed class LabelColumn
{
    private const string Expected = "a key, an integer or floating-point number, a Boolean, or a one-hot vector of known size";

    private readonly IExceptionContext context;
    private readonly int classes;

    private LabelColumn(IExceptionContext context, DataViewSchema.Column column, int classes, ClassNames? names)
    {
        this.context = context;
        this.classes = classes;
        Column = column;
        Names = names;
    }

    /// <summary>Reads the class of the cursor's row.</summary>
    /// <param name="row">Number of the row, for errors.</param>
    public delegate int ClassGetter(long row);

    public DataViewSchema.Column Column { get; }

    /// <summary>Names of the classes, where the column has any.</summary>
    public ClassNames? Names { get; }

    /// <summary>Checks the column's kind before there are data.</summary>
    public static void CheckShape(IExceptionContext context, SchemaShape.Column column)
    {
        var known = column.Kind switch
        {
            SchemaShape.Column.VectorKind.Scalar => column.IsKey || IsNumeric(column.ItemType),
            SchemaShape.Column.VectorKind.Vector => !column.IsKey && IsNumeric(column.ItemType),
            _ => false,
        };
        if (!known) throw SchemaErrors.Mismatch(context, "inputSchema", "label", column.Name, Expected, SchemaErrors.TypeOf(column));
    }

    /// <summary>Finds and checks the column.</summary>
    /// <param name="context">Marks errors.</param>
    /// <param name="schema">The schema of the clean samples.</param>
    /// <param name="name">Name of the column.</param>
    /// <param name="classes">Classes of the model.</param>
    /// <param name="classNames">Names of the model's classes in its order; null where the user gave none.</param>
    public static LabelColumn Find(IExceptionContext context, DataViewSchema schema, string name, int classes, IReadOnlyList<string>? classNames)
    {
        var column = schema.GetColumnOrNull(name) ?? throw SchemaErrors.Missing(context, "input", "label", name);
        switch (column.Type)
        {
            case KeyDataViewType key:
                if (key.Count != (ulong)classes)
                    throw SchemaErrors.Mismatch(context, "input", "label", name, $"a key of {classes} values, one per class of the model", key.ToString()!);
                return new LabelColumn(context, column, classes, NamesOf(context, column, ClassNames.KeyValues, classes, classNames));
            case VectorDataViewType vector:
                if (!vector.IsKnownSize || !IsNumeric(vector.ItemType))
                    throw SchemaErrors.Mismatch(context, "input", "label", name, Expected, vector.ToString());
                if (vector.Size != classes)
                    throw SchemaErrors.Mismatch(context, "input", "label", name, $"a one-hot vector of {classes} values, one per class of the model", vector.ToString());
                return new LabelColumn(context, column, classes, NamesOf(context, column, ClassNames.SlotNames, classes, classNames));
            default:
                if (!IsNumeric(column.Type))
                    throw SchemaErrors.Mismatch(context, "input", "label", name, Expected + " (map text with MapValueToKey and KeyOrdinality.ByValue)", column.Type.ToString()!);
                return new LabelColumn(context, column, classes, null);
        }
    }

    /// <summary>Reads classes from a cursor.</summary>
    public ClassGetter Bind(DataViewRow row) => Column.Type switch
    {
        KeyDataViewType key => Key(row, key),
        VectorDataViewType vector => OneHot(row, vector),
        BooleanDataViewType => Boolean(row),
        _ => Number(row),
    };

    private static bool IsNumeric(DataViewType type) => type is BooleanDataViewType || NumericVector.For(type) is not null;

    // Key k is class k - 1, which is only right when the keys are in the model's order.
    private static ClassNames? NamesOf(IExceptionContext context, DataViewSchema.Column column, string annotation, int classes, IReadOnlyList<string>? given)
    {
        var names = ClassNames.Read(column, annotation);
        if (names is null || names.Names.Count != classes) return null;
        var inOrder = given is null ? !names.IsOutOfOrder : names.Names.SequenceEqual(given, StringComparer.Ordinal);
        if (inOrder) return names;
        throw SchemaErrors.Data(context, "label", column.Name, given is null
            ? $"its values are in the order {Start(names.Names)}, the model's classes are numbered upwards; map the labels with MapValueToKey and KeyOrdinality.ByValue"
            : $"its values are in the order {Start(names.Names)}, the model's classes in the order {Start(given)}; map the labels with MapValueToKey and a key data view in the model's order");
    }

    private static string Start(IReadOnlyList<string> names) => string.Join(", ", names.Take(4)) + (names.Count > 4 ? ", ..." : "");

    private ClassGetter Key(DataViewRow row, KeyDataViewType key)
    {
        Func<ulong> read = key.RawType == typeof(byte) ? Raw<byte>(row) : key.RawType == typeof(ushort) ? Raw<ushort>(row)
            : key.RawType == typeof(uint) ? Raw<uint>(row) : Raw<ulong>(row);
        return at =>
        {
            var value = read();
            if (value == 0) throw SchemaErrors.Data(context, "label", Column.Name, $"row {at} has no label (a missing key); filter such rows");
            return CheckRange(value - 1d, at, "key " + value.ToString(CultureInfo.InvariantCulture));
        };
    }

    private Func<ulong> Raw<T>(DataViewRow row)
        where T : struct, IConvertible
    {
        var getter = row.GetGetter<T>(Column);
        T value = default;
        return () =>
        {
            getter(ref value);
            return value.ToUInt64(CultureInfo.InvariantCulture);
        };
    }

    private ClassGetter Boolean(DataViewRow row)
    {
        var getter = row.GetGetter<bool>(Column);
        var value = false;
        return at =>
        {
            getter(ref value);
            return value ? 1 : 0;
        };
    }

    private ClassGetter Number(DataViewRow row)
    {
        var number = NumericVector.For(Column.Type)!.Number(row, Column);
        return at =>
        {
            var value = number();
            return CheckRange(value, at, value.ToString(CultureInfo.InvariantCulture));
        };
    }

    private ClassGetter OneHot(DataViewRow row, VectorDataViewType type)
    {
        var values = new float[classes];
        var read = type.ItemType is BooleanDataViewType ? Truths(row) : NumericVector.For(type.ItemType)!.Floats(row, Column);
        return at =>
        {
            if (read(values) == classes)
            {
                var hot = Array.IndexOf(values, 1f);
                if (hot >= 0 && values.Count(v => v == 0f) == classes - 1) return hot;
            }

            throw SchemaErrors.Data(context, "label", Column.Name, $"the vector of row {at} is not one-hot; it must have one 1 and otherwise 0");
        };
    }

    private NumericVector.FloatGetter Truths(DataViewRow row)
    {
        var getter = row.GetGetter<VBuffer<bool>>(Column);
        VBuffer<bool> vector = default;
        return values =>
        {
            getter(ref vector);
            var at = 0;
            foreach (var value in vector.DenseValues()) values[at++] = value ? 1f : 0f;
            return vector.Length;
        };
    }

    private int CheckRange(double value, long row, string text)
    {
        if (double.IsNaN(value)) throw SchemaErrors.Data(context, "label", Column.Name, $"row {row} has no label (NaN); filter such rows");
        if (value < 0 || value >= classes || value != Math.Floor(value))
            throw SchemaErrors.Data(context, "label", Column.Name, $"row {row} has label {text}, the model has the classes 0 to {classes - 1}");
        return (int)value;
    }
}
