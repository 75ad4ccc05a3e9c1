using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Ulrl.Training.Data;

namespace Ulrl.MLNet;

/// <summary>Reads the clean samples in one pass over the data.</summary>
internal static class SampleReader
{
    /// <exception cref="InvalidOperationException">There are no rows, or one that cannot be used; names the column.</exception>
    /// <exception cref="OperationCanceledException">Reading was cancelled.</exception>
    public static LabeledSamples Read(
        IExceptionContext context, IDataView data, DataViewSchema.Column input, int[] sampleShape, LabelColumn label, CancellationToken cancellation)
    {
        var length = sampleShape.Aggregate(1, (a, b) => checked(a * b));
        var values = new List<float[]>();
        var labels = new List<int>();
        using var cursor = data.GetRowCursor([input, label.Column]);
        var read = NumericVector.For(((VectorDataViewType)input.Type).ItemType)!.Floats(cursor, input);
        var classOf = label.Bind(cursor);
        while (cursor.MoveNext())
        {
            cancellation.ThrowIfCancellationRequested();
            var sample = new float[length];
            var given = read(sample);
            if (given != length)
                throw SchemaErrors.Data(context, "input", input.Name, $"row {cursor.Position} has {given} values instead of {length}");
            if (Array.FindIndex(sample, v => !float.IsFinite(v)) is >= 0 and var at)
                throw SchemaErrors.Data(context, "input", input.Name, $"value {at} of row {cursor.Position} is {sample[at].ToString(System.Globalization.CultureInfo.InvariantCulture)}; replace missing values or filter such rows");
            values.Add(sample);
            labels.Add(classOf(cursor.Position));
        }

        if (labels.Count == 0) throw SchemaErrors.Data(context, "input", input.Name, "the data have no rows; give clean samples of every class");
        if ((long)labels.Count * length > Array.MaxLength)
            throw SchemaErrors.Data(context, "input", input.Name, $"{labels.Count} samples of {length} values are too many to train on; a few hundred are enough, take a part with TakeRows");
        var all = GC.AllocateUninitializedArray<float>(labels.Count * length);
        for (var i = 0; i < values.Count; i++) values[i].CopyTo(all, i * length);
        return new LabeledSamples(all, sampleShape, [.. labels], source: $"column '{input.Name}'");
    }
}
