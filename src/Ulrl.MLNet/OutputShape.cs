using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet;

/// <summary>
/// The columns that the transformer adds, for <see cref="IEstimator{TTransformer}.GetOutputSchema"/>. Microsoft.ML keeps the
/// constructor of their description to itself, but a custom mapping describes any column.
/// </summary>
internal static class OutputShape
{
    public static SchemaShape Of(TransformsCatalog catalog, SchemaShape input, ScoringColumns columns, int classes, IReadOnlyList<string>? names)
    {
        var definition = SchemaDefinition.Create(typeof(Row));
        Vector(nameof(Row.Score), columns.Score);
        Vector(nameof(Row.Probability), columns.Probability);
        var label = definition[nameof(Row.PredictedLabel)];
        if (columns.PredictedLabel is { } predicted)
        {
            label.ColumnName = predicted;
            label.ColumnType = new KeyDataViewType(typeof(uint), classes);
            (names is null ? ClassNames.FromNumbers(classes) : ClassNames.FromText(names)).AddKeyValues(label);
        }
        else
        {
            definition.Remove(label);
        }

        return catalog.CustomMapping<NoColumns, Row>((_, _) => { }, null, null, definition).GetOutputSchema(input);

        void Vector(string member, string? name)
        {
            var column = definition[member];
            if (name is null)
            {
                definition.Remove(column);
                return;
            }

            column.ColumnName = name;
            column.ColumnType = new VectorDataViewType(NumberDataViewType.Single, classes);
            if (names is not null) ClassNames.FromText(names).AddSlotNames(column);
        }
    }

    private sealed class NoColumns
    {
    }

    private sealed class Row
    {
        public float[] Score { get; set; } = [];

        public float[] Probability { get; set; } = [];

        public uint PredictedLabel { get; set; }
    }
}
