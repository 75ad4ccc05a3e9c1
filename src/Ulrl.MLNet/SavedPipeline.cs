using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using Ulrl.Training.Onnx;

namespace Ulrl.MLNet;

/// <summary>
/// The transformers of Microsoft.ML and Microsoft.ML.OnnxTransformer that a purified model is saved as, so that an application
/// without Ulrl loads it. They score row by row.
/// </summary>
internal static class SavedPipeline
{
    private const int HashBits = 31;

    /// <summary>Makes the transformers.</summary>
    /// <param name="catalog">The catalog to make them with.</param>
    /// <param name="model">The scoring model.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="keys">Values behind the keys of the predicted label.</param>
    /// <param name="gpuDeviceId">Device to score on; null for the CPU.</param>
    /// <param name="data">Data whose schema the transformers are made for; they are not read.</param>
    public static ITransformer Create(
        TransformsCatalog catalog, OnnxModel model, ScoringColumns columns, ClassNames keys, int? gpuDeviceId, IDataView data)
    {
        using var bytes = new MemoryStream(model.ToBytes());
        var scorer = catalog.ApplyOnnxModel([.. columns.Tensors], [columns.Input], bytes, gpuDeviceId);
        return columns.PredictedLabel is null ? scorer.Fit(data) : scorer.Append(PredictedLabel(catalog, columns, keys)).Fit(data);
    }

    // ONNX gives the class as a vector of one number, a label is a scalar, and hashing a vector into one key is what ML.NET has
    // to make the one of the other. The map turns the hash into the class.
    private static EstimatorChain<ITransformer> PredictedLabel(TransformsCatalog catalog, ScoringColumns columns, ClassNames keys)
    {
        var (hash, hashes) = DistinctHash(catalog, columns, keys.Names.Count);
        var map = Lookup(hashes, keys);
        return new EstimatorChain<ITransformer>()
            .Append(hash)
            .Append(catalog.Conversion.MapValue(columns.PredictedLabel, map, map.Schema[nameof(Entry.Hash)], map.Schema[nameof(Entry.Class)], columns.ClassHash))
            .Append<ITransformer>(catalog.DropColumns(columns.ClassIndex, columns.ClassHash));
    }

    private static (HashingEstimator Hash, uint[] Hashes) DistinctHash(TransformsCatalog catalog, ScoringColumns columns, int classes)
    {
        var definition = SchemaDefinition.Create(typeof(IndexRow));
        definition[nameof(IndexRow.Index)].ColumnName = columns.ClassIndex;
        var indices = new MLContext().Data.LoadFromEnumerable(Enumerable.Range(0, classes).Select(i => new IndexRow { Index = [i] }).ToArray(), definition);
        for (var seed = 0u; ; seed++)
        {
            var hash = catalog.Conversion.Hash(new HashingEstimator.ColumnOptions(columns.ClassHash, columns.ClassIndex, HashBits, seed, combine: true));
            uint[] hashes = [.. hash.Fit(indices).Transform(indices).GetColumn<uint>(columns.ClassHash)];
            if (hashes.Distinct().Count() == classes) return (hash, hashes);
        }
    }

    private static IDataView Lookup(uint[] hashes, ClassNames keys)
    {
        var definition = SchemaDefinition.Create(typeof(Entry));
        definition[nameof(Entry.Class)].ColumnType = new KeyDataViewType(typeof(uint), hashes.Length);
        keys.AddKeyValues(definition[nameof(Entry.Class)]);
        // A property becomes key k + 1 of a key column, 0 being the missing one.
        return new MLContext().Data.LoadFromEnumerable(hashes.Select((h, i) => new Entry { Hash = h, Class = (uint)i }).ToArray(), definition);
    }

    private sealed class IndexRow
    {
        [VectorType(1)]
        public long[] Index { get; set; } = [];
    }

    private sealed class Entry
    {
        public uint Hash { get; set; }

        public uint Class { get; set; }
    }
}
