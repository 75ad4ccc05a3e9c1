using System.Globalization;
using System.Numerics;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet;

/// <summary>Names of the classes in the order of the model's outputs, as they stand in a column's annotations.</summary>
internal abstract class ClassNames
{
    /// <summary>Name of the annotation with the values behind a key column's numbers.</summary>
    public const string KeyValues = "KeyValues";

    /// <summary>Name of the annotation with the names of a vector column's slots.</summary>
    public const string SlotNames = "SlotNames";

    private ClassNames(string[] names) => Names = names;

    /// <summary>The names as text.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Whether the values are numbers that do not ascend, so that keys and classes cannot have the same order.</summary>
    public abstract bool IsOutOfOrder { get; }

    /// <summary>Names given as text.</summary>
    public static ClassNames FromText(IEnumerable<string> names) => new Text([.. names]);

    /// <summary>The class numbers, for classes without names.</summary>
    public static ClassNames FromNumbers(int classes) => new Number<int>([.. Enumerable.Range(0, classes)]);

    /// <summary>The names in an annotation of a column; null where it has none, or of a kind that names nothing.</summary>
    public static ClassNames? Read(DataViewSchema.Column column, string annotation)
    {
        if (column.Annotations.Schema.GetColumnOrNull(annotation)?.Type is not VectorDataViewType { IsKnownSize: true } type) return null;
        var item = type.ItemType.RawType;
        if (item == typeof(ReadOnlyMemory<char>))
            return new Text([.. Values<ReadOnlyMemory<char>>(column, annotation).Select(n => n.ToString())]);
        if (item == typeof(float)) return new Number<float>(Values<float>(column, annotation));
        if (item == typeof(double)) return new Number<double>(Values<double>(column, annotation));
        if (item == typeof(sbyte)) return new Number<sbyte>(Values<sbyte>(column, annotation));
        if (item == typeof(byte)) return new Number<byte>(Values<byte>(column, annotation));
        if (item == typeof(short)) return new Number<short>(Values<short>(column, annotation));
        if (item == typeof(ushort)) return new Number<ushort>(Values<ushort>(column, annotation));
        if (item == typeof(int)) return new Number<int>(Values<int>(column, annotation));
        if (item == typeof(uint)) return new Number<uint>(Values<uint>(column, annotation));
        if (item == typeof(long)) return new Number<long>(Values<long>(column, annotation));
        return item == typeof(ulong) ? new Number<ulong>(Values<ulong>(column, annotation)) : null;
    }

    /// <summary>Puts the values into a key column's definition.</summary>
    public abstract void AddKeyValues(SchemaDefinition.Column column);

    /// <summary>Puts the names into a vector column's definition.</summary>
    public void AddSlotNames(SchemaDefinition.Column column) => AddNames(column, SlotNames, Names);

    private static T[] Values<T>(DataViewSchema.Column column, string annotation)
    {
        VBuffer<T> values = default;
        column.Annotations.GetValue(annotation, ref values);
        return [.. values.DenseValues()];
    }

    private static void AddNames(SchemaDefinition.Column column, string annotation, IReadOnlyList<string> names)
    {
        var values = names.Select(n => n.AsMemory()).ToArray();
        column.AddAnnotation(annotation, new VBuffer<ReadOnlyMemory<char>>(values.Length, values), new VectorDataViewType(TextDataViewType.Instance, values.Length));
    }

    private sealed class Text(string[] names) : ClassNames(names)
    {
        public override bool IsOutOfOrder => false;

        public override void AddKeyValues(SchemaDefinition.Column column) => AddNames(column, KeyValues, Names);
    }

    private sealed class Number<T>(T[] values) : ClassNames([.. values.Select(v => v.ToString(null, CultureInfo.InvariantCulture))])
        where T : struct, INumber<T>
    {
        public override bool IsOutOfOrder => values.Zip(values.Skip(1)).Any(pair => pair.First >= pair.Second);

        public override void AddKeyValues(SchemaDefinition.Column column) =>
            column.AddAnnotation(KeyValues, new VBuffer<T>(values.Length, values), new VectorDataViewType(ItemType(), values.Length));

        private static NumberDataViewType ItemType() => default(T) switch
        {
            float => NumberDataViewType.Single,
            double => NumberDataViewType.Double,
            sbyte => NumberDataViewType.SByte,
            byte => NumberDataViewType.Byte,
            short => NumberDataViewType.Int16,
            ushort => NumberDataViewType.UInt16,
            int => NumberDataViewType.Int32,
            uint => NumberDataViewType.UInt32,
            long => NumberDataViewType.Int64,
            _ => NumberDataViewType.UInt64,
        };
    }
}
