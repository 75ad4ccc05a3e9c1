using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;

namespace Ulrl.MLNet;

/// <summary>
/// A cursor that reads a batch of rows ahead, scores them in one run and gives them out one by one, with everything else that
/// was asked for of them.
/// </summary>
internal sealed class ScoredCursor : DataViewRowCursor
{
    private readonly DataViewRowCursor source;
    private readonly DataViewSchema.Column sample;
    private readonly BatchScorer scorer;
    private readonly bool[] active;
    private readonly NumericVector.TensorBuffer tensor;
    private readonly Dictionary<int, ColumnBuffer> kept = [];
    private readonly ColumnBuffer ids;
    private readonly long[] batches;
    private readonly List<string> outputs = [];
    private readonly float[]?[] vectors;
    private readonly uint[]? labels;
    private int slot = -1;
    private int filled;
    private long position = -1;
    private bool ended;

    public ScoredCursor(DataViewSchema schema, DataViewRowCursor source, DataViewSchema.Column sample, bool[] active, BatchScorer scorer)
    {
        this.source = source;
        this.sample = sample;
        this.scorer = scorer;
        this.active = active;
        Schema = schema;
        var rows = scorer.BatchSize;
        tensor = scorer.CreateBuffer();
        tensor.Bind(source, sample);
        ids = ColumnBuffer.CreateIds(source, rows);
        batches = new long[rows];
        foreach (var column in source.Schema.Where(c => active[c.Index])) kept[column.Index] = ColumnBuffer.Create(source, column, rows);
        var columns = scorer.Columns.Outputs;
        vectors = new float[]?[columns.Count];
        for (var i = 0; i < columns.Count; i++)
        {
            if (!active[source.Schema.Count + i]) continue;
            var isLabel = columns[i] == scorer.Columns.PredictedLabel;
            outputs.Add(isLabel ? scorer.Columns.ClassIndex : columns[i]);
            if (isLabel) labels = new uint[rows];
            else vectors[i] = new float[rows * scorer.Classes];
        }
    }

    public override DataViewSchema Schema { get; }

    public override long Position => position;

    public override long Batch => slot < 0 ? 0 : batches[slot];

    public override bool MoveNext()
    {
        if (++slot >= filled && !Fill())
        {
            slot = -1;
            filled = 0;
            position = -1;
            return false;
        }

        position++;
        return true;
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ValueGetter<DataViewRowId>)ids.Getter(Current);

    public override bool IsColumnActive(DataViewSchema.Column column) => active[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!active[column.Index])
            throw new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active: it was not among the columns that the cursor was asked for");
        var getter = column.Index < source.Schema.Count ? kept[column.Index].Getter(Current) : OutputGetter(column.Index - source.Schema.Count);
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"Invalid TValue in GetGetter: column '{column.Name}' holds {column.Type.RawType}, not {typeof(TValue)}");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var buffer in kept.Values) buffer.Dispose();
            source.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Current() => slot >= 0 ? slot : throw new InvalidOperationException("The cursor is not on a row: call MoveNext, and read values only while it returns true");

    private bool Fill()
    {
        slot = 0;
        filled = 0;
        while (!ended && filled < scorer.BatchSize)
        {
            if (!source.MoveNext())
            {
                ended = true;
                break;
            }

            var given = tensor.Read(filled);
            if (given != scorer.SampleLength)
                throw new InvalidOperationException($"Cannot use input column '{sample.Name}': row {source.Position} has {given} values instead of {scorer.SampleLength}");
            foreach (var buffer in kept.Values) buffer.Read(filled);
            ids.Read(filled);
            batches[filled++] = source.Batch;
        }

        if (filled > 0) Score();
        return filled > 0;
    }

    private void Score()
    {
        using var results = scorer.Run(tensor, filled, outputs);
        var at = 0;
        foreach (var vector in vectors)
        {
            if (vector is not null) Values<float>(results[at++]).CopyTo(vector);
        }

        if (labels is null) return;
        var classes = Values<long>(results[at]);
        for (var i = 0; i < filled; i++) labels[i] = (uint)classes[i] + 1;
    }

    private static ReadOnlySpan<T> Values<T>(OrtValue value)
        where T : unmanaged => value.GetTensorDataAsSpan<T>();

    private Delegate OutputGetter(int output)
    {
        if (vectors[output] is not { } vector)
            return (ValueGetter<uint>)((ref uint value) => value = labels![Current()]);
        var classes = scorer.Classes;
        return (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            var editor = VBufferEditor.Create(ref value, classes);
            vector.AsSpan(Current() * classes, classes).CopyTo(editor.Values);
            value = editor.Commit();
        });
    }
}
