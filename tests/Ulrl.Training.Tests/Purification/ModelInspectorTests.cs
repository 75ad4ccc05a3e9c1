using Ulrl.Training.Purification;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Tests.Purification;

public class ModelInspectorTests
{
    private static OnnxModel Example() => OnnxModel.Load(TestFiles.Example("preact_badnet_t0.onnx"));

    [Fact]
    public void The_example_can_be_trained()
    {
        var found = ModelInspector.Inspect(Example());
        Assert.Empty(found.Refusals);
        Assert.Equal(10, found.Classes);
        Assert.Equal("logits", found.OutputName);
        Assert.Equal("linear.weight", found.Classifier!.Weight);
        Assert.Equal([3, 32, 32], found.SampleShape);
        Assert.Contains("linear.weight", found.Trainable.Select(i => i.Name));
        Assert.DoesNotContain(found.Trainable, i => i.Name.Contains("running", StringComparison.Ordinal));
    }

    [Fact]
    public void An_operator_without_a_gradient_rule_is_named_once()
    {
        var model = Example();
        foreach (var relu in model.Proto.Graph.Node.Where(n => n.OpType == "Relu").Take(3))
            relu.OpType = "LpPool";
        var refusal = Assert.Single(ModelInspector.Inspect(model).Refusals);
        Assert.Contains("operator LpPool (domain 'ai.onnx'", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_with_open_dimensions_needs_the_shape_of_a_sample()
    {
        var model = Example();
        model.Proto.Graph.Input[0].Type.TensorType.Shape.Dim[2] = new TensorShapeProto.Types.Dimension { DimParam = "height" };
        Assert.Contains("[3, ?, 32]", Assert.Single(ModelInspector.Inspect(model).Refusals), StringComparison.Ordinal);
        Assert.Empty(ModelInspector.Inspect(model, [3, 32, 32]).Refusals);
        Assert.Contains("not [3, 32, 16]", Assert.Single(ModelInspector.Inspect(model, [3, 32, 16]).Refusals), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1L << 40)]
    [InlineData(1L << 31)]
    [InlineData(1L << 24)]
    public void Samples_out_of_proportion_are_refused(long height)
    {
        var model = Example();
        model.Proto.Graph.Input[0].Type.TensorType.Shape.Dim[2] = new TensorShapeProto.Types.Dimension { DimValue = height };
        Assert.Contains("smaller samples", Assert.Single(ModelInspector.Inspect(model).Refusals), StringComparison.Ordinal);
    }
}
