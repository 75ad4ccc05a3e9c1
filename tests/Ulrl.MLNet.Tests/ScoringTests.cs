using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;

namespace Ulrl.MLNet.Tests;

public sealed class ScoringTests(FittedTransformer fitted) : IClassFixture<FittedTransformer>
{
    private readonly MLContext context = fitted.Context;

    [Fact]
    public void Scores_are_those_of_a_bare_session_of_the_purified_model()
    {
        using var session = new InferenceSession(fitted.Transformer.PurifiedModel.ToBytes());
        using var input = OrtValue.CreateTensorValueFromMemory(Example.Test.Values[..(40 * Example.SampleLength)], [40, 3, 32, 32]);
        using var run = new RunOptions();
        using var output = session.Run(run, ["input"], [input], ["logits"]);
        Assert.Equal(output[0].GetTensorDataAsSpan<float>().ToArray(), Scores(fitted.Scored).SelectMany(s => s));
    }

    [Fact]
    public void Probabilities_are_the_softmax_and_labels_the_argmax_of_the_scores()
    {
        var rows = context.Data.CreateEnumerable<Prediction>(fitted.Scored, reuseRowObject: false, ignoreMissingColumns: true).ToArray();
        Assert.Equal(40, rows.Length);
        foreach (var row in rows)
        {
            var e = row.Score.Select(s => Math.Exp(s - row.Score.Max())).ToArray();
            Assert.All(row.Probability.Zip(e), p => Assert.Equal(p.Second / e.Sum(), p.First, 1e-6));
            Assert.Equal(Array.IndexOf(row.Score, row.Score.Max()), (int)row.PredictedLabel - 1);
        }
    }

    [Fact]
    public void Columns_of_every_type_keep_their_values_next_to_the_scores()
    {
        var at = new DateTime(2024, 5, 23, 0, 0, 0, DateTimeKind.Utc);
        var rows = Example.Rows(Example.Test.Take(40)).Select((r, i) => new Wide
        {
            Features = r.Features,
            Name = "sample " + i,
            Words = [.. Enumerable.Range(0, i % 5).Select(w => $"{i}.{w}")],
            Odd = i % 2 == 1,
            Time = at.AddDays(i),
            Number = i / 3d,
        }).ToArray();
        var keys = context.Transforms.Conversion.MapValueToKey("Key", "Name");
        var data = keys.Fit(context.Data.LoadFromEnumerable(rows)).Transform(context.Data.LoadFromEnumerable(rows));
        var scored = context.Data.CreateEnumerable<WideScored>(fitted.Transformer.Transform(data), reuseRowObject: false).ToArray();
        Assert.Equal(Enumerable.Range(1, 40).Select(i => (uint)i), scored.Select(r => r.Key));
        for (var i = 0; i < rows.Length; i++)
        {
            Assert.Equal(rows[i].Features, scored[i].Features);
            Assert.Equal(rows[i].Name, scored[i].Name);
            Assert.Equal(rows[i].Words, scored[i].Words);
            Assert.Equal(rows[i].Odd, scored[i].Odd);
            Assert.Equal(rows[i].Time, scored[i].Time);
            Assert.Equal(rows[i].Number, scored[i].Number);
        }

        Assert.Equal(Scores(fitted.Scored), scored.Select(r => r.Score));
    }

    [Fact]
    public void A_prediction_engine_gives_the_same_scores_row_by_row()
    {
        using var engine = context.Model.CreatePredictionEngine<Example.Row, Prediction>(Named(), new PredictionEngineOptions { OwnsTransformer = false });
        var scored = context.Data.CreateEnumerable<Prediction>(fitted.Scored, reuseRowObject: false, ignoreMissingColumns: true).ToArray();
        var rows = Example.Rows(Example.Test.Take(40));
        foreach (var i in new[] { 0, 39, 5, 5 })
        {
            var prediction = engine.Predict(rows[i]);
            Assert.Equal(scored[i].Score, prediction.Score);
            Assert.Equal(scored[i].Probability, prediction.Probability);
            Assert.Equal(scored[i].PredictedLabel, prediction.PredictedLabel);
            Assert.Equal(Example.ClassNames[prediction.PredictedLabel - 1], prediction.Name);
        }
    }

    [Fact]
    public void A_set_of_cursors_yields_every_row_once()
    {
        var columns = fitted.Scored.Schema.Where(c => c.Name is "Label" or "Score").ToArray();
        var found = new List<(DataViewRowId Id, int Label, float[] Score)>();
        var cursors = fitted.Scored.GetRowCursorSet(columns, 4);
        Parallel.ForEach(cursors, cursor =>
        {
            using (cursor)
            {
                var rows = Read(cursor);
                lock (found) found.AddRange(rows);
            }
        });
        using var single = fitted.Scored.GetRowCursor(columns);
        Assert.Equal(Read(single).OrderBy(r => r.Id.Low).Select(r => (r.Id, r.Label)), found.OrderBy(r => r.Id.Low).Select(r => (r.Id, r.Label)));
        Assert.Equal(Scores(fitted.Scored), found.OrderBy(r => r.Id.Low).Select(r => r.Score));
    }

    [Fact]
    public void Shuffled_rows_keep_their_own_scores()
    {
        var shuffled = fitted.Transformer.Transform(context.Data.Cache(fitted.Test));
        Assert.True(shuffled.CanShuffle);
        Assert.False(fitted.Scored.CanShuffle);
        using var cursor = shuffled.GetRowCursor(shuffled.Schema.Where(c => c.Name is "Label" or "Score").ToArray(), new Random(3));
        var rows = Read(cursor);
        var scores = Scores(fitted.Scored);
        Assert.NotEqual(Enumerable.Range(0, 40).Select(i => (ulong)i), rows.Select(r => r.Id.Low));
        Assert.All(rows, r => Assert.Equal(scores[(int)r.Id.Low], r.Score));
        Assert.Equal(40, rows.Select(r => r.Id).Distinct().Count());
    }

    [Fact]
    public void Positions_count_rows_and_end_with_them()
    {
        using var cursor = fitted.Scored.GetRowCursor(fitted.Scored.Schema);
        Assert.Equal(-1, cursor.Position);
        for (var i = 0; i < 40; i++)
        {
            Assert.True(cursor.MoveNext());
            Assert.Equal(i, cursor.Position);
        }

        Assert.False(cursor.MoveNext());
        Assert.False(cursor.MoveNext());
        Assert.Equal(-1, cursor.Position);
    }

    [Fact]
    public void Getters_refuse_columns_that_were_not_asked_for_other_types_and_rows_that_are_not_there()
    {
        using var cursor = fitted.Scored.GetRowCursor([fitted.Scored.Schema["Score"]]);
        Assert.Contains("'Label'", Assert.Throws<ArgumentOutOfRangeException>(() => cursor.GetGetter<int>(fitted.Scored.Schema["Label"])).Message, StringComparison.Ordinal);
        Assert.Contains("'Score'", Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(fitted.Scored.Schema["Score"])).Message, StringComparison.Ordinal);
        var score = cursor.GetGetter<VBuffer<float>>(fitted.Scored.Schema["Score"]);
        VBuffer<float> value = default;
        Assert.Throws<InvalidOperationException>(() => score(ref value));
    }

    [Fact]
    public void Caching_and_taking_rows_change_no_score()
    {
        var expected = Scores(fitted.Scored);
        Assert.Equal(expected, Scores(context.Data.Cache(fitted.Scored)));
        Assert.Equal(expected.Take(9), Scores(context.Data.TakeRows(fitted.Scored, 9)));
        Assert.Equal(expected.Skip(9), Scores(context.Data.SkipRows(fitted.Scored, 9)));
        Assert.Equal(40, fitted.Scored.GetRowCount());
    }

    [Fact]
    public void Preview_shows_rows_and_scores()
    {
        var preview = fitted.Scored.Preview(maxRows: 10);
        Assert.Equal(10, preview.RowView.Length);
        var score = (VBuffer<float>)preview.ColumnView.Single(c => c.Column.Name == "Score").Values[9];
        Assert.Equal(Scores(fitted.Scored)[9], score.DenseValues());
        Assert.Contains(fitted.Transformer.Preview(fitted.Test, 2).Schema, c => c.Name == "PredictedLabel");
    }

    [Fact]
    public void Class_names_are_slot_names_and_key_values()
    {
        foreach (var column in new[] { "Score", "Probability" })
        {
            VBuffer<ReadOnlyMemory<char>> names = default;
            fitted.Scored.Schema[column].GetSlotNames(ref names);
            Assert.Equal(Example.ClassNames, names.DenseValues().Select(n => n.ToString()));
        }

        VBuffer<ReadOnlyMemory<char>> keys = default;
        fitted.Scored.Schema["PredictedLabel"].GetKeyValues(ref keys);
        Assert.Equal(Example.ClassNames, keys.DenseValues().Select(n => n.ToString()));
        Assert.Equal(Example.ClassNames, fitted.Transformer.ClassNames);
    }

    [Fact]
    public void Evaluation_counts_what_the_scores_say()
    {
        var key = context.Transforms.Conversion.MapValueToKey("Label", "Label", keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue);
        var test = Example.View(context, Example.Test.Take(200));
        var labelled = key.Fit(test).Transform(test);
        var metrics = context.MulticlassClassification.Evaluate(fitted.Transformer.Transform(labelled));
        var right = Scores(fitted.Transformer.Transform(test)).Zip(Example.Test.Labels).Count(p => Array.IndexOf(p.First, p.First.Max()) == p.Second);
        Assert.Equal(right / 200d, metrics.MicroAccuracy, 1e-9);
        Assert.True(right > 40, $"{right} of 200 are right");
    }

    [Fact]
    public void The_schema_of_the_estimator_announces_the_columns_of_the_transformer()
    {
        var shape = fitted.Estimator.GetOutputSchema(context.Transforms.CopyColumns("Copy", "Features").GetOutputSchema(ShapeOf(fitted.Clean)));
        var columns = shape.ToDictionary(c => c.Name);
        Assert.Equal(["Features", "Label", "Copy", "Score", "Probability", "PredictedLabel"], shape.Select(c => c.Name));
        foreach (var column in fitted.Transformer.GetOutputSchema(fitted.Clean.Schema).Where(c => c.Name is "Score" or "Probability"))
        {
            Assert.Equal(SchemaShape.Column.VectorKind.Vector, columns[column.Name].Kind);
            Assert.Equal(NumberDataViewType.Single, columns[column.Name].ItemType);
            Assert.Equal(10, ((VectorDataViewType)column.Type).Size);
            Assert.Equal(column.Annotations.Schema.Select(a => a.Name), columns[column.Name].Annotations.Select(a => a.Name));
        }

        Assert.True(columns["PredictedLabel"].IsKey);
        Assert.Equal(SchemaShape.Column.VectorKind.Scalar, columns["PredictedLabel"].Kind);
        Assert.Equal(["KeyValues"], columns["PredictedLabel"].Annotations.Select(a => a.Name));
        Assert.Equal(new KeyDataViewType(typeof(uint), 10), fitted.Scored.Schema["PredictedLabel"].Type);
    }

    [Fact]
    public void Data_that_do_not_fit_are_refused_before_they_are_read()
    {
        var other = context.Data.LoadFromEnumerable(new[] { new { Features = 1f } });
        Assert.Contains("'Features'", Assert.Throws<ArgumentOutOfRangeException>(() => fitted.Transformer.Transform(other)).Message, StringComparison.Ordinal);
        var none = context.Data.LoadFromEnumerable(new[] { new { Other = 1f } });
        Assert.Contains("Could not find input column 'Features'", Assert.Throws<ArgumentOutOfRangeException>(() => fitted.Transformer.GetRowToRowMapper(none.Schema)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_purified_model_is_saved_as_the_given_graph()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".onnx");
        try
        {
            fitted.Transformer.SaveOnnx(file);
            using var stream = new MemoryStream();
            fitted.Transformer.SaveOnnx(stream);
            Assert.Equal(stream.ToArray(), File.ReadAllBytes(file));
            var saved = Ulrl.Training.Onnx.OnnxModel.Load(file);
            var given = Ulrl.Training.Onnx.OnnxModel.Load(Example.ModelFile);
            Assert.Equal(given.Proto.Graph.Node, saved.Proto.Graph.Node);
            Assert.Equal(given.Proto.Graph.Input, saved.Proto.Graph.Input);
            Assert.Equal(given.Proto.Graph.Output, saved.Proto.Graph.Output);
            Assert.NotEqual(given.Proto.Graph.Initializer, saved.Proto.Graph.Initializer);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static SchemaShape ShapeOf(IDataView data) => new MLContext().Transforms.CustomMapping<object, Example.Row>((_, _) => { }, null).GetOutputSchema(new SchemaShape([]))
        is { } shape && shape.Select(c => c.Name).SequenceEqual(data.Schema.Select(c => c.Name)) ? shape : throw new InvalidOperationException("the row class and the data differ");

    private static float[][] Scores(IDataView data) => [.. data.GetColumn<float[]>("Score")];

    private static List<(DataViewRowId Id, int Label, float[] Score)> Read(DataViewRowCursor cursor)
    {
        var id = cursor.GetIdGetter();
        var label = cursor.GetGetter<int>(cursor.Schema["Label"]);
        var score = cursor.GetGetter<VBuffer<float>>(cursor.Schema["Score"]);
        var rows = new List<(DataViewRowId, int, float[])>();
        while (cursor.MoveNext())
        {
            DataViewRowId rowId = default;
            var rowLabel = 0;
            VBuffer<float> rowScore = default;
            id(ref rowId);
            label(ref rowLabel);
            score(ref rowScore);
            rows.Add((rowId, rowLabel, [.. rowScore.DenseValues()]));
        }

        return rows;
    }

    private TransformerChain<Microsoft.ML.Transforms.KeyToValueMappingTransformer> Named() => fitted.Transformer.Append(context.Transforms.Conversion.MapKeyToValue("ClassName", "PredictedLabel").Fit(fitted.Scored));

    private class Wide
    {
        [VectorType(3, 32, 32)]
        public float[] Features { get; set; } = [];

        public string Name { get; set; } = "";

        public string[] Words { get; set; } = [];

        public bool Odd { get; set; }

        public DateTime Time { get; set; }

        public double Number { get; set; }
    }

    private sealed class WideScored : Wide
    {
        [KeyType(40)]
        public uint Key { get; set; }

        public float[] Score { get; set; } = [];
    }
}
