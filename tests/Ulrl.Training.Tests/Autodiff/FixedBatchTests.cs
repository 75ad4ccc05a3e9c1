using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Networks exported with a fixed batch compute the same at another one as their free twins.</summary>
public sealed class FixedBatchTests
{
    private const int Features = 12;

    public static TheoryData<string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var network in new[] { "reshaped", "class token", "tokens first", "heads", "squeezed", "tiled", "resized" })
            {
                foreach (var batch in new[] { 1, 4 })
                {
                    if (batch > 1 || network is not "tiled") data.Add(network, batch);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_fixed_batch_is_freed(string network, int batch)
    {
        var values = Enumerable.Range(0, 5 * Features).Select(i => MathF.Sin(i)).ToArray();
        int[] labels = [0, 1, 2, 1, 0];
        var free = GradientCalculator.Compute(Network(network, null), values, [Features], labels, NetworkMode.Train);

        var found = GradientCalculator.Compute(Network(network, batch), values, [Features], labels, NetworkMode.Train);

        Assert.Equal(free.Loss, found.Loss, 1e-6f);
        Assert.Equal(free.Gradients.Keys.Order(), found.Gradients.Keys.Order());
        foreach (var (name, gradient) in free.Gradients) Assert.Equal(gradient.Values, found.Gradients[name].Values);
    }

    [Fact]
    public void A_fixed_batch_that_cannot_be_freed_is_named_in_the_error()
    {
        var g = new CaseGraph(18, 1);
        var x = g.B.Input("x", TensorProto.Types.DataType.Float, 4, Features);
        var mixed = g.Op("MatMul", [g.Add(Param(4, 4)), x]);
        Finish(g, mixed, Features, 4);

        var refused = Assert.Throws<InvalidModelException>(() => GradientCalculator.Compute(new OnnxModel(Proto(g)), new float[3 * Features], [Features], [0, 1, 2], NetworkMode.Train));

        Assert.Contains("batch size than the 4", refused.Message, StringComparison.Ordinal);
    }

    private static OnnxModel Network(string network, int? batch)
    {
        var g = new CaseGraph(18, 1);
        var x = g.B.Input("x", TensorProto.Types.DataType.Float, batch ?? -1, Features);
        var h = g.Op("Tanh", [g.Op("MatMul", [x, g.Add(Param(Features, Features))])]);
        var open = batch ?? -1;

        // The number of samples as an exporter writes it: a constant, or taken from the input.
        Value Batched(params long[] rest) => batch is { } fixedBatch
            ? g.B.Ints([fixedBatch, .. rest])
            : g.Op("Concat", [g.Op("Shape", [x], ("start", 0L), ("end", 1L)), g.B.Ints(rest)], ("axis", 0L));
        Value Tokens() => g.Op("Reshape", [h, Batched(3, 4)]);
        Value Swap(Value v) => g.Op("Transpose", [v], ("perm", new long[] { 1, 0, 2 }));
        var (result, width) = network switch
        {
            "reshaped" => (g.Op("Reshape", [g.Op("Reshape", [h, Batched(3, -1)]), Batched(-1)]), Features),
            "class token" => (g.Op("Flatten", [g.Op("Concat", [g.Op("Expand", [g.Add(Param(1, 1, 4)), Batched(1, 4)]), Tokens()], ("axis", 1L))]), 16),
            "tiled" => (g.Op("Flatten", [g.Op("Concat", [g.Op("Tile", [g.Add(Param(1, 1, 4)), Batched(1, 1)]), Tokens()], ("axis", 1L))]), 16),
            "tokens first" => (g.Op("Flatten", [Swap(g.Op("Reshape", [g.Op("Gemm", [g.Op("Reshape", [Swap(Tokens()), g.B.Ints(open < 0 ? -1 : 3 * open, 4)]), g.Add(Param(4, 4))]), g.Op("Concat", [g.B.Ints(3), Batched(4)], ("axis", 0L))]))]), Features),
            "heads" => (g.Op("Flatten", [Swap(g.Op("Reshape", [Swap(g.Op("Softmax", [Swap(g.Op("Reshape", [Swap(Tokens()), g.B.Ints(3, open < 0 ? -1 : 2 * open, 2)]))])), g.Op("Concat", [g.B.Ints(3), Batched(4)], ("axis", 0L))]))]), Features),
            "squeezed" => (g.Op("Squeeze", batch == 1 ? [g.Op("Reshape", [h, Batched(Features, 1)])] : [g.Op("Reshape", [h, Batched(Features, 1)]), g.B.Ints(2)]), Features),
            _ => (g.Op("Flatten", [g.Op("Resize", [g.Op("Reshape", [h, Batched(1, 3, 4)]), g.B.Floats([], 0), g.B.Floats([], 0), Batched(1, 2, 6)])]), Features),
        };
        if (network == "squeezed" && batch == 1) result = g.Op("Reshape", [result, g.B.Ints(1, Features)]);
        Finish(g, result, width, open);
        return new OnnxModel(Proto(g));
    }

    private static void Finish(CaseGraph g, Value features, int width, long batch)
    {
        g.B.Assign("logits", "MatMul", [features, g.Add(Param(width, 3))]);
        g.B.Output("logits", TensorProto.Types.DataType.Float, batch, 3);
    }

    private static ModelProto Proto(CaseGraph g) => new() { IrVersion = 8, Graph = g.B.Graph, OpsetImport = { new OperatorSetIdProto { Version = 18 } } };
}
