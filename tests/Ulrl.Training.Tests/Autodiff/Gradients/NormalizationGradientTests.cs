using Ulrl.Training.Autodiff;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class NormalizationGradientTests
{
    private static readonly float[] Mean = [0.3f, -0.2f];
    private static readonly float[] Variance = [0.7f, 1.8f];

    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases();
        foreach (var dims in new long[][] { [2], [2, 3], [2, 2, 3], [2, 2, 1, 2] })
        {
            var note = $"{dims.Length + 1} dimensions";
            cases.At(7, 9, 14, 23)
                .Op($"{note}, running statistics", "BatchNormalization", [Batch(dims), Param(2).In(0.5f, 1.5f), Param(2), Floats([2], Mean), Floats([2], Variance)], ("epsilon", 0.2f))
                .Train($"BatchNormalization, {note}, batch statistics", g => BatchNorm(g, dims), g => BatchNormFormula(g, dims));
            if (dims.Length == 1) cases.WithZero("t0");
        }

        cases.At(14, 15)
            .Train("BatchNormalization exported in training form", g => BatchNorm(g, [2, 3], true), g => BatchNormFormula(g, [2, 3]));
        cases.At(7).Op("spatial given", "BatchNormalization", [Batch(2, 3), Param(2), Param(2), Floats([2], Mean), Floats([2], Variance)], ("spatial", 1L));

        cases.At(7, 22)
            .Op("two dimensions", "InstanceNormalization", [Batch(2, 3, 2), Param(2), Param(2)])
            .Op("one dimension, epsilon", "InstanceNormalization", [Batch(2, 5), Param(2), Param(2)], ("epsilon", 0.1f))
            .Op("three channels together", "LRN", [Batch(5, 2, 1)], ("size", 3L), ("alpha", 0.9f), ("beta", 0.6f), ("bias", 1.3f))
            .Op("as wide as the channels, images", "LRN", [Batch(3, 2, 2)], ("size", 5L), ("alpha", 0.7f))
            .Op("defaults", "LRN", [Batch(3, 1, 2)], ("size", 3L));
        cases.At(17, 23)
            .Op("default axis", "LayerNormalization", [Batch(2, 4), Param(4), Param(4)])
            .Op("axis 1", "LayerNormalization", [Batch(2, 3), Param(2, 3), Param(2, 3)], ("axis", 1L), ("epsilon", 1e-2f))
            .Op("without bias", "LayerNormalization", [Batch(2, 4), Param(4)], ("axis", -1L))
            .Op("scale and bias stretched", "LayerNormalization", [Batch(2, 3), Param(2, 1), Param(3)], ("axis", -2L))
            .Op("one number for scale", "LayerNormalization", [Batch(4), Param(1), Param(1)]);
        cases.At(18, 20)
            .Op("a scale per group", "GroupNormalization", [Batch(4, 3), Param(2), Param(2)], ("num_groups", 2L))
            .Op("images, epsilon", "GroupNormalization", [Batch(6, 2, 2), Param(3), Param(3)], ("num_groups", 3L), ("epsilon", 0.1f));
        cases.At(21, 23)
            .Op("a scale per channel", "GroupNormalization", [Batch(4, 3), Param(4), Param(4)], ("num_groups", 2L))
            .Op("images, epsilon", "GroupNormalization", [Batch(6, 2, 2), Param(6), Param(6)], ("num_groups", 3L), ("epsilon", 0.1f));
        return cases;
    }

    private static Value BatchNorm(CaseGraph g, long[] dims, bool training = false)
    {
        Value[] inputs = [g.Add(Batch(dims)), g.Add(Param(2).In(0.5f, 1.5f)), g.Add(Param(2)), g.Add(Floats([2], Mean)), g.Add(Floats([2], Variance))];
        return training
            ? g.Op("BatchNormalization", 3, inputs, ("epsilon", 0.2f), ("training_mode", 1L))[0]
            : g.Op("BatchNormalization", inputs, ("epsilon", 0.2f));
    }

    private static Value BatchNormFormula(CaseGraph g, long[] dims)
    {
        var (x, scale, bias) = (g.Add(Batch(dims)), g.Add(Param(2).In(0.5f, 1.5f)), g.Add(Param(2)));
        g.Add(Floats([2], Mean));
        g.Add(Floats([2], Variance));
        var axes = g.B.Ints([0, .. Enumerable.Range(2, dims.Length - 1).Select(i => (long)i)]);
        var perChannel = g.B.Ints([2, .. dims[1..].Select(_ => 1L)]);
        var centred = x - g.Op("ReduceMean", [x, axes]);
        var variance = g.Op("ReduceMean", [centred * centred, axes]);
        return (centred / g.Op("Sqrt", [variance + 0.2f]) * g.Op("Reshape", [scale, perChannel])) + g.Op("Reshape", [bias, perChannel]);
    }
}
