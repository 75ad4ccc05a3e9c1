using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Onnx;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Tests.Autodiff;

public sealed class ModelInterfaceTests
{
    [Fact]
    public void Logits_are_found_behind_a_label_and_a_map_of_probabilities_as_scikit_learn_models_have_them()
    {
        var proto = SmallModel.Create();
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 1 });
        proto.Graph.Node.Add(new NodeProto { OpType = "Softmax", Input = { "logits" }, Output = { "p" } });
        proto.Graph.Node.Add(new NodeProto { OpType = "ZipMap", Domain = "ai.onnx.ml", Input = { "p" }, Output = { "probabilities" } });
        proto.Graph.Node.Add(new NodeProto { OpType = "ArgMax", Input = { "logits" }, Output = { "label" } });
        proto.Graph.Output.Clear();
        proto.Graph.Output.Add(GraphBuilder.ValueInfo("label", DataType.Int64, -1));
        proto.Graph.Output.Add(new ValueInfoProto { Name = "probabilities", Type = new TypeProto() });

        var found = ModelInterface.Of(new OnnxModel(proto), null);

        Assert.Equal(("probabilities", "logits"), (found.OutputName, found.Logits));
        var gradients = GradientCalculator.Compute(new OnnxModel(proto), new float[8], [4], [0, 1], NetworkMode.Train).Gradients;
        Assert.Equal(["b", "w"], gradients.Keys.Order());
    }

    [Theory]
    [InlineData("Softmax")]
    [InlineData("LogSoftmax")]
    public void Logits_are_found_before_a_final_activation_and_a_cast(string activation)
    {
        var proto = SmallModel.Create();
        proto.Graph.Node.Add(new NodeProto { OpType = activation, Input = { "logits" }, Output = { "p" } });
        proto.Graph.Node.Add(new NodeProto { OpType = "Identity", Input = { "p" }, Output = { "answer" } });
        proto.Graph.Output[0].Name = "answer";

        Assert.Equal("logits", ModelInterface.Of(new OnnxModel(proto), null).Logits);
    }
}
