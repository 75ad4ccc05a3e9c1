using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Evaluation;

public class EvaluatorTests
{
    private static readonly LabeledSamples Clean = DataSetReader.Read(TestFiles.Example("test1000.npz")).Normalize(ChannelNormalization.Cifar10);

    private static OnnxModel Example() => OnnxModel.Load(TestFiles.Example("preact_badnet_t0.onnx"));

    private static CleanResult Measure(OnnxModel model, LabeledSamples samples, int batchSize = 128)
    {
        using var evaluator = new Evaluator(model, batchSize: batchSize);
        return evaluator.EvaluateClean(samples);
    }

    [Fact]
    public void The_example_scores_what_PyTorch_counts()
    {
        using var evaluator = new Evaluator(Example());
        var triggered = DataSetReader.Read(TestFiles.Example("triggered.npz")).Normalize(ChannelNormalization.Cifar10);

        var result = evaluator.Evaluate(Clean, triggered);

        Assert.Equal(814, result.Clean.Correct);
        Assert.Equal([82, 94, 85, 68, 82, 73, 89, 78, 77, 86], result.Clean.Classes.Select(c => c.Correct));
        Assert.Equal(1000, result.Clean.Classes.Sum(c => c.Count));
        Assert.InRange(result.Clean.MeanCrossEntropy, 0.5562 - 1e-4, 0.5562 + 1e-4);
        Assert.Equal(new { Target = (int?)0, Count = 905, ToTarget = 849, ToTrueClass = 50 },
            new { result.Attack!.Target, result.Attack.Count, result.Attack.ToTarget, result.Attack.ToTrueClass });
        Assert.Equal(849 / 905.0, result.Attack.AttackSuccessRate);
        Assert.Equal(50 / 905.0, result.Attack.RobustAccuracy);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void The_batch_size_does_not_change_the_answers(int batchSize)
    {
        var samples = Clean.Take(20);
        Assert.Equal(Measure(Example(), samples).Predictions, Measure(Example(), samples, batchSize).Predictions);
    }

    [Fact]
    public void A_fixed_batch_is_padded()
    {
        var model = Example();
        model.Proto.Graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = 16 };
        model.Proto.Graph.Output[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = 16 };
        var samples = Clean.Take(37);
        var expected = Measure(Example(), samples);

        var result = Measure(model, samples);

        Assert.Equal(expected.Predictions, result.Predictions);
        Assert.Equal(expected.MeanCrossEntropy, result.MeanCrossEntropy, 5);
    }

    [Fact]
    public void A_model_that_ends_in_Softmax_has_the_same_cross_entropy()
    {
        var model = Example();
        var output = model.Proto.Graph.Output[0];
        var softmax = new NodeProto { OpType = "Softmax", Name = "softmax" };
        softmax.Input.Add(output.Name);
        softmax.Output.Add("probabilities");
        model.Proto.Graph.Node.Add(softmax);
        output.Name = "probabilities";
        var samples = Clean.Take(64);

        Assert.Equal(Measure(Example(), samples).MeanCrossEntropy, Measure(model, samples).MeanCrossEntropy, 6);
    }

    [Theory]
    [InlineData((int)DataType.Float16, 0.02)]
    [InlineData((int)DataType.Double, 1e-6)]
    public void A_model_of_another_precision_gets_converted_samples(int type, double tolerance)
    {
        var model = Example();
        var graph = model.Proto.Graph;
        string input = graph.Input[0].Name, output = graph.Output[0].Name;
        graph.Node.Insert(0, Cast("converted", input, (int)DataType.Float));
        foreach (var node in graph.Node.Skip(1))
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i] == input)
                    node.Input[i] = "converted";
            }
        }

        graph.Node.Add(Cast("answer", output, type));
        graph.Input[0].Type.TensorType.ElemType = type;
        graph.Output[0].Type.TensorType.ElemType = type;
        graph.Output[0].Name = "answer";
        var samples = Clean.Take(64);

        Assert.Equal(Measure(Example(), samples).MeanCrossEntropy, Measure(model, samples).MeanCrossEntropy, tolerance);
    }

    [Fact]
    public void Triggered_samples_of_the_target_class_are_left_out()
    {
        using var evaluator = new Evaluator(Example());
        var target = Clean.Labels[0];

        var result = evaluator.EvaluateTriggered(Clean, target);

        Assert.Equal(Clean.Labels.Count(l => l == target), result.LeftOut);
        Assert.Equal(Clean.Count, result.Count + result.LeftOut);
        Assert.Equal(Enumerable.Range(0, Clean.Count).Count(i => Clean.Labels[i] != target && result.Predictions[i] == target), result.ToTarget);
        Assert.Equal(814 - result.Predictions.Where((p, i) => p == Clean.Labels[i] && p == target).Count(), result.ToTrueClass);
    }

    [Fact]
    public void Triggered_samples_without_a_known_target_are_refused()
    {
        using var evaluator = new Evaluator(Example());
        Assert.Contains("no target", Assert.Throws<DataSetException>(() => evaluator.EvaluateTriggered(Clean)).Message, StringComparison.Ordinal);
        Assert.Contains("target is 10", Assert.Throws<DataSetException>(() => evaluator.EvaluateTriggered(Clean, 10)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_of_another_shape_are_refused_with_both_shapes()
    {
        var samples = new LabeledSamples(new float[2 * 28 * 28], [1, 28, 28], [0, 1], source: "digits");
        var error = Assert.Throws<DataSetException>(() => Measure(Example(), samples));
        Assert.Contains("digits: samples have shape [1, 28, 28], input 'input' of the model takes [3, 32, 32]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_beyond_the_classes_is_refused()
    {
        var samples = new LabeledSamples(new float[2 * 3 * 32 * 32], [3, 32, 32], [0, 10]);
        Assert.Contains("sample 1 has label 10", Assert.Throws<DataSetException>(() => Measure(Example(), samples)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_answers_with_NaN_is_refused()
    {
        var model = Example();
        var bias = model.Proto.Graph.Initializer.First(t => t.Name == "linear.bias");
        var broken = TensorData.Create("linear.bias", [10], Enumerable.Repeat(float.NaN, 10).ToArray());
        model.Proto.Graph.Initializer[model.Proto.Graph.Initializer.IndexOf(bias)] = broken;
        Assert.Contains("not a number", Assert.Throws<InvalidModelException>(() => Measure(model, Clean.Take(4))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_with_an_operator_that_the_runtime_does_not_know_is_refused()
    {
        var model = Example();
        var relu = model.Proto.Graph.Node.First(n => n.OpType == "Relu");
        relu.Domain = "com.attacker";
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.attacker", Version = 1 });
        Assert.Contains("preact_badnet_t0.onnx: ONNX Runtime does not accept the model", Assert.Throws<InvalidModelException>(() => new Evaluator(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_evaluation_stops()
    {
        using var evaluator = new Evaluator(Example());
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => evaluator.EvaluateClean(Clean, source.Token));
    }

    private static NodeProto Cast(string output, string input, int type)
    {
        var node = new NodeProto { OpType = "Cast", Name = output };
        node.Input.Add(input);
        node.Output.Add(output);
        node.Attribute.Add(new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = type });
        return node;
    }
}
