using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Onnx;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>What stands on the way of a gradient and has no rule is refused before training, by name.</summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("GridSample", "", 17)]
    [InlineData("Det", "", 17)]
    [InlineData("RoiAlign", "", 17)]
    [InlineData("LSTM", "", 17)]
    [InlineData("GRU", "", 17)]
    [InlineData("Relu", "my.domain", 1)]
    [InlineData("FusedConv", "com.microsoft", 1)]
    public void An_operator_without_a_rule_is_refused_with_node_operator_opset_and_domain(string op, string domain, long opset)
    {
        var refused = Assert.Throws<UnsupportedOperatorException>(() => ForwardGraph.Create(Between(new NodeProto { Name = "middle", OpType = op, Domain = domain })));

        Assert.Equal(("middle", op, domain, opset), (refused.NodeName, refused.OperatorType, refused.Domain, refused.Opset));
        Assert.Contains("'middle'", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("If", "control flow")]
    [InlineData("Loop", "control flow")]
    [InlineData("Scan", "control flow")]
    [InlineData("DequantizeLinear", "quantised")]
    [InlineData("QLinearMatMul", "quantised")]
    [InlineData("MatMulInteger", "quantised")]
    public void Control_flow_and_quantised_graphs_are_refused_before_anything_runs(string op, string reason)
    {
        var refused = Assert.Throws<UnsupportedOperatorException>(() => ForwardGraph.Create(Between(new NodeProto { Name = "middle", OpType = op })));

        Assert.Equal(("middle", op, 17), (refused.NodeName, refused.OperatorType, refused.Opset));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_local_function_is_refused()
    {
        var model = Between(new NodeProto { Name = "middle", OpType = "Swish", Domain = "local" });
        model.Proto.Functions.Add(new FunctionProto { Name = "Swish", Domain = "local" });

        var refused = Assert.Throws<UnsupportedOperatorException>(() => ForwardGraph.Create(model));

        Assert.Contains("local function", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unnamed_node_is_named_by_its_output()
    {
        var refused = Assert.Throws<UnsupportedOperatorException>(() => ForwardGraph.Create(Between(new NodeProto { OpType = "Det" })));

        Assert.Equal("m", refused.NodeName);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(24)]
    public void An_opset_outside_7_to_23_is_refused(long opset)
    {
        var proto = SmallModel.Create();
        proto.OpsetImport[0].Version = opset;

        var refused = Assert.Throws<InvalidModelException>(() => ForwardGraph.Create(new OnnxModel(proto)));

        Assert.Contains($"opset {opset}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operator_without_a_rule_may_stand_where_no_gradient_flows()
    {
        // Det of the raw input scales the logits of a linear classifier.
        var proto = SmallModel.Create();
        proto.Graph.Node.Insert(0, new NodeProto { OpType = "Reshape", Input = { "x", "square" }, Output = { "s" } });
        proto.Graph.Node.Insert(1, new NodeProto { OpType = "Det", Input = { "s" }, Output = { "d" } });
        proto.Graph.Node.Insert(2, new NodeProto { OpType = "Reshape", Input = { "d", "column" }, Output = { "e" } });
        proto.Graph.Node[^1].Output[0] = "plain";
        proto.Graph.Node.Add(new NodeProto { OpType = "Mul", Input = { "plain", "e" }, Output = { "logits" } });
        proto.Graph.Initializer.Add(TensorData.Create("square", [3], (ReadOnlySpan<long>)[-1, 2, 2]));
        proto.Graph.Initializer.Add(TensorData.Create("column", [2], (ReadOnlySpan<long>)[-1, 1]));

        var result = GradientCalculator.Compute(new OnnxModel(proto), [1, 2, 3, 5, 2, 1, 0, 4], [4], [0, 2], NetworkMode.Train);

        Assert.Equal(["b", "w"], result.Gradients.Keys.Order());
        Assert.Contains(result.Gradients["w"].Values, v => v != 0f);
    }

    // The linear classifier of SmallModel with a node between its activation and its matrix.
    private static OnnxModel Between(NodeProto node)
    {
        var proto = SmallModel.Create();
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "my.domain", Version = 1 });
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        proto.Graph.Initializer.Add(TensorData.Create("scale", [4], (ReadOnlySpan<float>)[1, 2, 3, 4]));
        proto.Graph.Node.Insert(1, new NodeProto { OpType = "Mul", Input = { "h", "scale" }, Output = { "scaled" } });
        node.Input.Add("scaled");
        node.Output.Add("m");
        proto.Graph.Node.Insert(2, node);
        proto.Graph.Node[^1].Input[0] = "m";
        return new OnnxModel(proto);
    }
}
