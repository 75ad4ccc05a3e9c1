using Microsoft.ML;
using Microsoft.ML.Data;

namespace Ulrl.MLNet;

/// <summary>Data with the scores of a purified model, computed in batches while a cursor moves.</summary>
internal sealed class ScoredView : IDataView
{
    private readonly IDataView input;
    private readonly DataViewSchema.Column sample;
    private readonly BatchScorer scorer;

    /// <param name="input">The data to score.</param>
    /// <param name="sample">Its column with the samples.</param>
    /// <param name="schema">The input's columns, followed by those of the scorer.</param>
    /// <param name="scorer">The model.</param>
    public ScoredView(IDataView input, DataViewSchema.Column sample, DataViewSchema schema, BatchScorer scorer)
    {
        this.input = input;
        this.sample = sample;
        this.scorer = scorer;
        Schema = schema;
    }

    public bool CanShuffle => input.CanShuffle;

    public DataViewSchema Schema { get; }

    public long? GetRowCount() => input.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var active = Active(columnsNeeded);
        return Wrap(input.GetRowCursor(Needed(active), rand), active);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        var active = Active(columnsNeeded);
        return [.. input.GetRowCursorSet(Needed(active), n, rand).Select(cursor => Wrap(cursor, active))];
    }

    private bool[] Active(IEnumerable<DataViewSchema.Column> columnsNeeded)
    {
        var active = new bool[Schema.Count];
        foreach (var column in columnsNeeded) active[column.Index] = true;
        return active;
    }

    private List<DataViewSchema.Column> Needed(bool[] active)
    {
        var scored = active.AsSpan(input.Schema.Count).Contains(true);
        return [.. input.Schema.Where(c => active[c.Index] || (scored && c.Index == sample.Index))];
    }

    private DataViewRowCursor Wrap(DataViewRowCursor source, bool[] active) => active.AsSpan(input.Schema.Count).Contains(true)
        ? new ScoredCursor(Schema, source, sample, active, scorer)
        : new UnscoredCursor(Schema, source);
}
