using Ulrl.Training.Autodiff;
using Ulrl.Training.Runtime;
using Ulrl.Training.Tests.Autodiff.Gradients;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff;

/// <summary>Gradients stay finite where a naive formula overflows or divides zero by zero.</summary>
public sealed class StabilityTests
{
    private static readonly float[] Extreme = [-1e4f, -100f, 0f, 100f, 1e4f, 30f];

    [Theory]
    [InlineData("Relu")]
    [InlineData("LeakyRelu")]
    [InlineData("Elu")]
    [InlineData("Selu")]
    [InlineData("Celu")]
    [InlineData("Sigmoid")]
    [InlineData("HardSigmoid")]
    [InlineData("HardSwish")]
    [InlineData("Tanh")]
    [InlineData("Softplus")]
    [InlineData("Softsign")]
    [InlineData("Mish")]
    [InlineData("Gelu")]
    [InlineData("Erf")]
    [InlineData("Abs")]
    [InlineData("Atan")]
    [InlineData("Softmax")]
    [InlineData("LogSoftmax")]
    public void Of_large_inputs(string op) => AllFinite(g => g.Op(op, [g.Add(Batch(6).Of(Extreme))]));

    [Fact]
    public void Of_the_tanh_form_of_Gelu() => AllFinite(g => g.Op("Gelu", [g.Add(Batch(6).Of(Extreme))], ("approximate", "tanh")));

    [Theory]
    [InlineData("ReduceLogSumExp")]
    [InlineData("ReduceL2")]
    [InlineData("ReduceL1")]
    [InlineData("ReduceMax")]
    [InlineData("ReduceMean")]
    public void Of_reductions_of_large_inputs(string op) => AllFinite(g => g.Op(op, [g.Add(Batch(6).Of(Extreme)), g.Add(Ints(1))]));

    [Theory]
    [InlineData("ReduceL2")]
    [InlineData("ReduceL1")]
    [InlineData("ReduceProd")]
    [InlineData("ReduceMax")]
    [InlineData("ReduceSumSquare")]
    public void Of_reductions_of_zeros(string op) => AllFinite(g => g.Op(op, [g.Add(Batch(4).Of(0f)), g.Add(Ints(1))]));

    [Theory]
    [InlineData("LayerNormalization", 1)]
    [InlineData("InstanceNormalization", 2)]
    public void Of_normalisations_of_equal_numbers(string op, int channels) =>
        AllFinite(g => g.Op(op, [g.Add(Batch(channels, 4).Of(3f)), g.Add(op == "LayerNormalization" ? Param(4) : Param(channels)), g.Add(op == "LayerNormalization" ? Param(4) : Param(channels))]));

    [Fact]
    public void Of_powers_of_zero() => AllFinite(g => g.Op("Pow", [g.Add(Batch(3).Of(0f)), g.Add(Param(3).Of(2f, 1f, 3f))]));

    [Fact]
    public void Of_equal_operands_of_Max() => AllFinite(g => g.Op("Max", [g.Add(Batch(3).Of(1f)), g.Add(Param(3).Of(1f))]));

    private static void AllFinite(Func<CaseGraph, Value> build)
    {
        var (graph, model) = GradientCheck.Network(20, g => [build(g)]);
        var result = GradientCalculator.Compute(model, graph.Samples(3), [graph.InputSize], [0, 1, 2], NetworkMode.Train);

        Assert.Contains(graph.Parameters, result.Gradients.ContainsKey);
        foreach (var (name, gradient) in result.Gradients)
        {
            Assert.True(gradient.Values.All(float.IsFinite), $"{name}: {string.Join(' ', gradient.Values)}");
        }
    }
}
