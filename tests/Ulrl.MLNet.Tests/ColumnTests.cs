using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Ulrl.MLNet.Tests;

/// <summary>What Fit reads, and what it refuses.</summary>
public sealed class ColumnTests
{
    private static readonly int[] Classes = [3, 0, 9, 3];
    private readonly MLContext context = new(seed: 1);

    [Fact]
    public void Labels_are_read_from_every_kind_of_column()
    {
        Assert.Equal(Classes, Labels(Classes));
        Assert.Equal(Classes, Labels(Array.ConvertAll(Classes, c => (float)c)));
        Assert.Equal(Classes, Labels(Array.ConvertAll(Classes, c => (byte)c)));
        Assert.Equal(Classes, Labels(Array.ConvertAll(Classes, c => (ulong)c)));
        Assert.Equal([1, 0], Labels([true, false]));
        Assert.Equal(Classes, Labels(Array.ConvertAll(Classes, OneHot)));
        Assert.Equal(Classes, Labels(Array.ConvertAll(Classes, c => Array.ConvertAll(OneHot(c), v => v > 0))));
    }

    [Fact]
    public void Keys_name_the_classes()
    {
        var text = context.Data.LoadFromEnumerable(Example.ClassNames.Select(n => new { Name = n }));
        var keyed = context.Transforms.Conversion.MapValueToKey("Label", "Name", keyOrdinality: ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(text).Transform(text);
        var label = LabelColumn.Find(context, keyed.Schema, "Label", 10, null);
        Assert.Equal(Enumerable.Range(0, 10), Read(label, keyed));
        Assert.Equal(Example.ClassNames, label.Names!.Names);

        var oneHot = context.Transforms.Categorical.OneHotEncoding("Label", "Name", keyOrdinality: ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(text).Transform(text);
        label = LabelColumn.Find(context, oneHot.Schema, "Label", 10, null);
        Assert.Equal(Enumerable.Range(0, 10), Read(label, oneHot));
        Assert.Equal(Example.ClassNames, label.Names!.Names);
    }

    [Fact]
    public void Keys_in_another_order_than_the_classes_are_refused()
    {
        var numbers = context.Data.LoadFromEnumerable(new[] { 3, 0, 1, 2, 4, 5, 6, 7, 8, 9 }.Select(n => new { Number = n }));
        var byOccurrence = context.Transforms.Conversion.MapValueToKey("Label", "Number").Fit(numbers).Transform(numbers);
        var error = Assert.Throws<InvalidOperationException>(() => LabelColumn.Find(context, byOccurrence.Schema, "Label", 10, null));
        Assert.Contains("'Label'", error.Message, StringComparison.Ordinal);
        Assert.Contains("3, 0, 1, 2, ...", error.Message, StringComparison.Ordinal);

        var text = context.Data.LoadFromEnumerable(Example.ClassNames.Reverse().Select(n => new { Name = n }));
        var reversed = context.Transforms.Conversion.MapValueToKey("Label", "Name").Fit(text).Transform(text);
        error = Assert.Throws<InvalidOperationException>(() => LabelColumn.Find(context, reversed.Schema, "Label", 10, Example.ClassNames));
        Assert.Contains("truck, ship", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_are_no_class_are_refused_by_column_and_row()
    {
        Refused("row 1 has label 10,", () => Labels([3, 10]));
        Refused("row 0 has label -1,", () => Labels([-1]));
        Refused("row 1 has label 2.5,", () => Labels([1f, 2.5f]));
        Refused("row 1 has no label", () => Labels([1f, float.NaN]));
        Refused("row 0 is not one-hot", () => Labels([new float[10]]));
        Refused("row 0 is not one-hot", () => Labels([Enumerable.Repeat(1f, 10).ToArray()]));
        var missing = context.Data.LoadFromEnumerable(new[] { new KeyRow { Label = 4 }, new KeyRow { Label = 77 } });
        Refused("row 1 has no label (a missing key)", () => Read(LabelColumn.Find(context, missing.Schema, "Label", 10, null), missing));

        void Refused(string message, Action read)
        {
            var error = Assert.Throws<InvalidOperationException>(read);
            Assert.Contains("Cannot use label column 'Label'", error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Label_columns_of_another_type_or_size_are_refused_by_name()
    {
        Refused("Could not find label column 'Label'", new { Other = 1 });
        Refused("map text with MapValueToKey", new { Label = "cat" });
        Refused("a one-hot vector of 10 values", new { Label = new VBuffer<float>(3, [1f, 0f, 0f]) }, definition => definition["Label"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 3));
        Refused("a key of 10 values", new { Label = 1u }, definition => definition["Label"].ColumnType = new KeyDataViewType(typeof(uint), 9));

        void Refused<T>(string message, T row, Action<SchemaDefinition>? define = null)
            where T : class
        {
            var definition = SchemaDefinition.Create(typeof(T));
            define?.Invoke(definition);
            var data = context.Data.LoadFromEnumerable([row], definition);
            var error = Assert.Throws<ArgumentOutOfRangeException>(() => LabelColumn.Find(context, data.Schema, "Label", 10, null));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Contains("'Label'", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Samples_are_read_from_every_numeric_type_and_from_sparse_vectors()
    {
        var values = Enumerable.Range(0, 4).Select(i => i % 3 == 0 ? 0 : i).ToArray();
        Check<float>(NumberDataViewType.Single);
        Check<double>(NumberDataViewType.Double);
        Check<sbyte>(NumberDataViewType.SByte);
        Check<byte>(NumberDataViewType.Byte);
        Check<short>(NumberDataViewType.Int16);
        Check<ushort>(NumberDataViewType.UInt16);
        Check<int>(NumberDataViewType.Int32);
        Check<uint>(NumberDataViewType.UInt32);
        Check<long>(NumberDataViewType.Int64);
        Check<ulong>(NumberDataViewType.UInt64);

        void Check<T>(NumberDataViewType type)
            where T : unmanaged, System.Numerics.INumber<T>
        {
            var dense = new VBuffer<T>(4, Array.ConvertAll(values, T.CreateChecked));
            var sparse = new VBuffer<T>(4, 2, [T.CreateChecked(1), T.CreateChecked(2)], [1, 2]);
            var definition = SchemaDefinition.Create(typeof(VectorRow<T>));
            definition["Features"].ColumnType = new VectorDataViewType(type, 2, 2);
            var data = context.Data.LoadFromEnumerable(new[] { new VectorRow<T> { Features = dense }, new VectorRow<T> { Features = sparse, Label = 1 } }, definition);
            var samples = SampleReader.Read(context, data, data.Schema["Features"], [2, 2], LabelColumn.Find(context, data.Schema, "Label", 10, null), default);
            Assert.Equal([0f, 1f, 2f, 0f, 0f, 1f, 2f, 0f], samples.Values);
            Assert.Equal([0, 1], samples.Labels);
        }
    }

    [Fact]
    public void Samples_that_cannot_be_used_are_refused_by_column()
    {
        var estimator = context.Transforms.PurifyBackdoor(Example.QuickOptions());
        var rows = Example.Rows(Example.Clean.Take(3));
        rows[2].Features = (float[])rows[2].Features.Clone();
        rows[2].Features[7] = float.NaN;
        Data("value 7 of row 2 is NaN", context.Data.LoadFromEnumerable(rows));
        Data("the data have no rows", context.Data.LoadFromEnumerable(Array.Empty<Example.Row>()));
        Schema("Could not find input column 'Features'", context.Data.LoadFromEnumerable(new[] { new { Label = 1 } }));
        Schema("a numeric vector of known size", context.Data.LoadFromEnumerable(new[] { new { Label = 1, Features = 2f } }));
        Schema("a numeric vector of known size", context.Data.LoadFromEnumerable(new[] { new { Label = 1, Features = new[] { 1f } } }));
        Schema("a vector of 3072 values (3 x 32 x 32) for the model's input 'input'", context.Data.LoadFromEnumerable(new[] { new SmallRow() }));

        void Data(string message, IDataView data) => Assert.Contains(message, Named(Assert.Throws<InvalidOperationException>(() => estimator.Fit(data)).Message), StringComparison.Ordinal);
        void Schema(string message, IDataView data) => Assert.Contains(message, Named(Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(data)).Message), StringComparison.Ordinal);

        static string Named(string message)
        {
            Assert.Contains("'Features'", message, StringComparison.Ordinal);
            return message;
        }
    }

    [Fact]
    public void A_chain_is_refused_before_any_data_are_read()
    {
        var text = context.Data.LoadFromEnumerable([new { Features = "x", Label = 1 }]);
        var chain = context.Transforms.CopyColumns("Pixels", "Features").Append(context.Transforms.PurifyBackdoor(Example.QuickOptions(o => o.InputColumnName = "Pixels")));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => chain.Fit(text));
        Assert.Contains("Schema mismatch for input column 'Pixels': expected a numeric vector of known size, got", error.Message, StringComparison.Ordinal);
        var unlabelled = context.Transforms.CopyColumns("Copy", "Features").Append(context.Transforms.PurifyBackdoor(Example.QuickOptions(o => o.LabelColumnName = "Class")));
        error = Assert.Throws<ArgumentOutOfRangeException>(() => unlabelled.Fit(Example.View(context, Example.Clean.Take(2))));
        Assert.Contains("Could not find label column 'Class'", error.Message, StringComparison.Ordinal);
    }

    private static float[] OneHot(int hot)
    {
        var vector = new float[10];
        vector[hot] = 1f;
        return vector;
    }

    private int[] Labels<T>(T[] values)
    {
        var definition = SchemaDefinition.Create(typeof(LabelRow<T>));
        if (typeof(T).IsArray)
            definition["Label"].ColumnType = new VectorDataViewType(typeof(T) == typeof(bool[]) ? BooleanDataViewType.Instance : NumberDataViewType.Single, 10);
        var data = context.Data.LoadFromEnumerable(values.Select(v => new LabelRow<T> { Label = v }), definition);
        return Read(LabelColumn.Find(context, data.Schema, "Label", 10, null), data);
    }

    private static int[] Read(LabelColumn label, IDataView data)
    {
        using var cursor = data.GetRowCursor([label.Column]);
        var read = label.Bind(cursor);
        var labels = new List<int>();
        while (cursor.MoveNext()) labels.Add(read(cursor.Position));
        return [.. labels];
    }

    private sealed class LabelRow<T>
    {
        public T? Label { get; set; }
    }

    private sealed class KeyRow
    {
        [KeyType(10)]
        public uint Label { get; set; }
    }

    private sealed class VectorRow<T>
    {
        public VBuffer<T> Features { get; set; }

        public int Label { get; set; }
    }

    private sealed class SmallRow
    {
        [VectorType(3, 16, 16)]
        public float[] Features { get; set; } = new float[3 * 16 * 16];

        public int Label { get; set; }
    }
}
