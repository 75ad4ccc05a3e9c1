using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using static Ulrl.Training.Onnx.Proto.AttributeProto.Types;
using static Ulrl.Training.Onnx.Proto.TensorProto.Types;

namespace Ulrl.Training.Tests.Onnx;

/// <summary>A linear classifier of two nodes, to be broken in one place by a test.</summary>
internal static class SmallModel
{
    public static ModelProto Create() => new()
    {
        IrVersion = 8,
        ProducerName = "test",
        OpsetImport = { new OperatorSetIdProto { Domain = "", Version = 17 } },
        Graph = new GraphProto
        {
            Name = "g",
            Input = { Value("x", -1, 4) },
            Output = { Value("logits", -1, 3) },
            Initializer =
            {
                TensorData.Create("w", [3, 4], (ReadOnlySpan<float>)[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
                TensorData.Create("b", [3], (ReadOnlySpan<float>)[1, 2, 3]),
            },
            Node =
            {
                new NodeProto { Name = "act", OpType = "Relu", Input = { "x" }, Output = { "h" } },
                new NodeProto
                {
                    Name = "fc",
                    OpType = "Gemm",
                    Input = { "h", "w", "b" },
                    Output = { "logits" },
                    Attribute = { new AttributeProto { Name = "transB", Type = AttributeType.Int, I = 1 } },
                },
            },
        },
    };

    /// <summary>A float tensor value; -1 stands for the symbolic dimension <c>batch</c>.</summary>
    public static ValueInfoProto Value(string name, params long[] dims)
    {
        var shape = new TensorShapeProto();
        foreach (long dim in dims)
            shape.Dim.Add(dim < 0 ? new TensorShapeProto.Types.Dimension { DimParam = "batch" } : new TensorShapeProto.Types.Dimension { DimValue = dim });
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float, Shape = shape } },
        };
    }
}
