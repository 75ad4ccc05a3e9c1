using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Autodiff;

/// <summary>A graph that copies every state tensor from its input to its output.</summary>
internal static class CopyGraph
{
    public static byte[] Of(IReadOnlyList<StateTensor> tensors)
    {
        var graph = new GraphProto { Name = "copy" };
        var builder = new GraphBuilder(graph);
        foreach (var tensor in tensors)
        {
            builder.Assign(tensor.Output, "Identity", [builder.Input(tensor.Input, DataType.Float, tensor.Dims)]);
            builder.Output(tensor.Output, DataType.Float, tensor.Dims);
        }

        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpsetUpgrade.Target });
        return model.ToByteArray();
    }
}
