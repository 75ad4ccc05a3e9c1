using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet;

/// <summary>A cursor over scored data whose reader asked for none of the scores.</summary>
internal sealed class UnscoredCursor(DataViewSchema schema, DataViewRowCursor source) : DataViewRowCursor
{
    public override DataViewSchema Schema { get; } = schema;

    public override long Position => source.Position;

    public override long Batch => source.Batch;

    public override bool MoveNext() => source.MoveNext();

    public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) =>
        column.Index < source.Schema.Count && source.IsColumnActive(source.Schema[column.Index]);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => IsColumnActive(column)
        ? source.GetGetter<TValue>(source.Schema[column.Index])
        : throw new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active: it was not among the columns that the cursor was asked for");

    protected override void Dispose(bool disposing)
    {
        if (disposing) source.Dispose();
        base.Dispose(disposing);
    }
}
