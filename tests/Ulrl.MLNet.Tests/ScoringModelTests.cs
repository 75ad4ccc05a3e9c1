using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.MLNet.Tests;

/// <summary>Models and columns that differ in form from the example's.</summary>
public sealed class ScoringModelTests
{
    private const int Count = 6;
    private static readonly float[][] Expected = Run(OnnxModel.Load(Example.ModelFile), Example.Test.Values[..(Count * Example.SampleLength)]);
    private readonly MLContext context = new(seed: 1);

    [Fact]
    public void Bytes_are_cast_and_normalised_inside_the_saved_model()
    {
        var bytes = DataSetReader.Read(Path.Combine(AppContext.BaseDirectory, "TestData", "test1000.npz")).Take(Count).Values.Select(v => (byte)MathF.Round(v * 255f)).ToArray();
        ChannelNormalization cifar = ChannelNormalization.Cifar10, inBytes = new([.. cifar.Mean.Select(m => m * 255f)], [.. cifar.Std.Select(s => s * 255f)]);
        var scores = Score(OnnxModel.Load(Example.ModelFile), NumberDataViewType.Byte, bytes, inBytes);
        Assert.All(scores.Zip(Expected), s => Near(s.Second, s.First, 1e-3f));
        var normalised = new LabeledSamples([.. bytes.Select(b => (float)b)], [3, 32, 32], new int[Count]).Normalize(inBytes);
        Assert.Equal(Run(OnnxModel.Load(Example.ModelFile), normalised.Values), scores);
    }

    [Fact]
    public void Doubles_are_cast()
    {
        var values = Example.Test.Values[..(Count * Example.SampleLength)].Select(v => (double)v).ToArray();
        Assert.Equal(Expected, Score(OnnxModel.Load(Example.ModelFile), NumberDataViewType.Double, values, null));
    }

    [Fact]
    public void A_model_in_half_precision_reads_and_answers_floats()
    {
        var model = OnnxModel.Load(Example.ModelFile);
        var graph = model.Proto.Graph;
        foreach (var tensor in graph.Initializer.Where(t => t.DataType == (int)DataType.Float))
        {
            var values = TensorData.ReadFloats(tensor);
            tensor.DataType = (int)DataType.Float16;
            tensor.FloatData.Clear();
            tensor.RawData = Google.Protobuf.ByteString.CopyFrom([.. values.SelectMany(v => BitConverter.GetBytes((Half)v))]);
        }

        foreach (var value in graph.Input.Concat(graph.Output)) value.Type.TensorType.ElemType = (int)DataType.Float16;
        graph.ValueInfo.Clear();
        var scores = Score(model, NumberDataViewType.Single, Example.Test.Values[..(Count * Example.SampleLength)], null);
        Assert.All(scores.Zip(Expected), s => Near(s.Second, s.First, 0.1f));
    }

    [Fact]
    public void A_model_that_ends_in_softmax_scores_probabilities()
    {
        var model = OnnxModel.Load(Example.ModelFile);
        var softmax = new NodeProto { OpType = "Softmax", Name = "softmax" };
        softmax.Input.Add("logits");
        softmax.Output.Add("probabilities");
        softmax.Set("axis", 1L);
        model.Proto.Graph.Node.Add(softmax);
        model.Proto.Graph.Output[0].Name = "probabilities";
        var data = View(NumberDataViewType.Single, Example.Test.Values[..(Count * Example.SampleLength)]);
        var scored = Transform(model, new ScoringColumns("Features", "Score", "Probability", null), NumberDataViewType.Single, null, data);
        Assert.Equal(scored.GetColumn<float[]>("Probability"), scored.GetColumn<float[]>("Score"));
        Assert.All(scored.GetColumn<float[]>("Score").Zip(Expected), s => Assert.Equal(Math.Exp(s.Second[3] - s.Second[5]), s.First[3] / s.First[5], 1e-3 * Math.Exp(s.Second[3] - s.Second[5])));
    }

    [Fact]
    public void Columns_may_bear_the_names_of_tensors_inside_the_model()
    {
        var inner = OnnxModel.Load(Example.ModelFile).Proto.Graph.Node[3].Output[0];
        var initializer = OnnxModel.Load(Example.ModelFile).Proto.Graph.Initializer[0].Name;
        foreach (var (input, score, label) in new[] { ("logits", "input", inner), ("input", "logits", initializer), (inner, initializer, "logits") })
        {
            var data = View(NumberDataViewType.Single, Example.Test.Values[..(Count * Example.SampleLength)], input);
            var scored = Transform(OnnxModel.Load(Example.ModelFile), new ScoringColumns(input, score, null, label), NumberDataViewType.Single, null, data);
            Assert.Equal(Expected, scored.GetColumn<float[]>(score));
            Assert.Equal(Expected.Select(s => (uint)Array.IndexOf(s, s.Max()) + 1), scored.GetColumn<uint>(label));
        }
    }

    [Fact]
    public void Open_dimensions_come_from_the_column()
    {
        Assert.Equal([3, 32, 32], Shape([3, -1, -1], 3, 32, 32));
        Assert.Equal([3, 32, 32], Shape([3, -1, -1], 1, 3, 32, 32));
        Assert.Equal([3, 32, 16], Shape([3, 32, -1], 3 * 32 * 16));
        Assert.Equal([3, 32, 32], Shape([3, 32, 32], 3072));
        Assert.Throws<ArgumentOutOfRangeException>(() => Shape([3, -1, -1], 3072));
        Assert.Throws<ArgumentOutOfRangeException>(() => Shape([3, 32, -1], 100));
        Assert.Throws<ArgumentOutOfRangeException>(() => Shape([3, 32, 32], 3, 32, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => Shape([3, 32, 32], 6144));

        int[] Shape(long[] model, params int[] column) => SampleShape.Of(
            context, "Features", new VectorDataViewType(NumberDataViewType.Single, column), new ModelInterface("input", DataType.Float, model, null, "logits", "logits"));
    }

    [Fact]
    public void A_model_that_takes_several_samples_at_once_is_refused()
    {
        var model = OnnxModel.Load(Example.ModelFile);
        model.Proto.Graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = 4 };
        var error = Assert.Throws<InvalidModelException>(() => new PurifyBackdoorEstimator(context, Example.QuickOptions(o => (o.ModelFile, o.Model) = (null, model))));
        Assert.Contains("dynamic batch dimension", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_takes_one_sample_at_once_is_scored_one_by_one()
    {
        var model = OnnxModel.Load(Example.ModelFile);
        model.Proto.Graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = 1 };
        using var fitted = new PurifyBackdoorEstimator(context, Example.QuickOptions(o => (o.ModelFile, o.Model) = (null, model))).Fit(Example.View(context, Example.Clean.Take(50)));
        var data = Example.View(context, Example.Test.Take(Count));
        using var file = PipelineTests.Save(fitted, data.Schema);
        Assert.Equal(context.Model.Load(file, out _).Transform(data).GetColumn<float[]>("Score"), fitted.Transform(data).GetColumn<float[]>("Score"));
        Assert.Equal(model.Proto.Graph.Input, fitted.PurifiedModel.Proto.Graph.Input);
    }

    [Fact]
    public void Inputs_besides_the_samples_are_constants_and_inputs_again_in_the_purified_model()
    {
        var model = WithGain();
        var options = Example.QuickOptions(o => (o.ModelFile, o.Model) = (null, model));
        Assert.Contains("give ConstantInputs for the others", Assert.Throws<ArgumentException>(() => new PurifyBackdoorEstimator(context, options)).Message, StringComparison.Ordinal);
        options.ConstantInputs = new Dictionary<string, float[]> { ["gain"] = [1f, 1f] };
        Assert.Contains("'gain: Float[1]' does not take 2 values", Assert.Throws<ArgumentException>(() => new PurifyBackdoorEstimator(context, options)).Message, StringComparison.Ordinal);
        options.ConstantInputs = new Dictionary<string, float[]> { ["gain"] = [2f] };
        using var fitted = new PurifyBackdoorEstimator(context, options).Fit(Example.View(context, Example.Clean.Take(50)));
        Assert.Equal(model.Proto.Graph.Input, fitted.PurifiedModel.Proto.Graph.Input);
        Assert.Equal(model.Proto.Graph.Node, fitted.PurifiedModel.Proto.Graph.Node);
        var scores = fitted.Transform(Example.View(context, Example.Test.Take(Count))).GetColumn<float[]>("Score").ToArray();
        Assert.Equal(Run(fitted.PurifiedModel, Example.Test.Values[..(Count * Example.SampleLength)], gain: 2f), scores);
        Assert.NotEqual(Run(fitted.PurifiedModel, Example.Test.Values[..(Count * Example.SampleLength)], gain: 1f), scores);
    }

    private static OnnxModel WithGain()
    {
        var model = OnnxModel.Load(Example.ModelFile);
        var graph = model.Proto.Graph;
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i] == "input") node.Input[i] = "amplified";
            }
        }

        var multiply = new NodeProto { OpType = "Mul", Name = "amplify" };
        multiply.Input.AddRange(["input", "gain"]);
        multiply.Output.Add("amplified");
        graph.Node.Insert(0, multiply);
        var gain = new ValueInfoProto { Name = "gain", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float, Shape = new TensorShapeProto() } } };
        gain.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = 1 });
        graph.Input.Add(gain);
        return model;
    }

    private static float[][] Run(OnnxModel model, float[] values, float? gain = null)
    {
        using var session = new InferenceSession(model.ToBytes());
        using var run = new RunOptions();
        using var input = OrtValue.CreateTensorValueFromMemory(values, [values.Length / Example.SampleLength, 3, 32, 32]);
        using var factor = OrtValue.CreateTensorValueFromMemory(new[] { gain ?? 1f }, [1]);
        using var results = gain is null ? session.Run(run, ["input"], [input], ["logits"]) : session.Run(run, ["input", "gain"], [input, factor], ["logits"]);
        return [.. results[0].GetTensorDataAsSpan<float>().ToArray().Chunk(10)];
    }

    private static void Near(float[] expected, float[] actual, float tolerance) =>
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, tolerance));

    private float[][] Score<T>(OnnxModel model, NumberDataViewType type, T[] values, ChannelNormalization? normalization)
        where T : unmanaged => [.. Transform(model, new ScoringColumns("Features", "Score", null, null), type, normalization, View(type, values)).GetColumn<float[]>("Score")];

    private IDataView Transform(OnnxModel model, ScoringColumns columns, NumberDataViewType type, ChannelNormalization? normalization, IDataView data)
    {
        var scoring = ScoringModel.Create(model, null, columns, NumericVector.For(type)!.ElementType, [3, 32, 32], 10, normalization, null);
        return SavedPipeline.Create(context.Transforms, scoring, columns, ClassNames.FromNumbers(10), null, data).Transform(data);
    }

    private IDataView View<T>(NumberDataViewType type, T[] values, string column = "Features")
        where T : unmanaged
    {
        var definition = SchemaDefinition.Create(typeof(Row<T>));
        var features = definition[nameof(Row<>.Values)];
        features.ColumnName = column;
        features.ColumnType = new VectorDataViewType(type, 3, 32, 32);
        return context.Data.LoadFromEnumerable(values.Chunk(Example.SampleLength).Select(v => new Row<T> { Values = v }).ToArray(), definition);
    }

    private sealed class Row<T>
    {
        public T[] Values { get; set; } = [];
    }
}
