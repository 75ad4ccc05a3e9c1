using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ActivationGradientTests
{
    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 23)
            .Op("", "Relu", [Batch(2, 3)])
            .Op("default slope", "LeakyRelu", [Batch(2, 3)])
            .Op("steep", "LeakyRelu", [Batch(2, 3)], ("alpha", 0.3f))
            .Op("one slope", "PRelu", [Batch(3, 4), Param(1)])
            .Op("a slope per channel", "PRelu", [Batch(3, 2, 2), Param(3, 1, 1)])
            .Op("a slope per position", "PRelu", [Batch(3, 2), Param(3, 2)])
            .Op("default", "Elu", [Batch(2, 3)])
            .Op("alpha", "Elu", [Batch(2, 3)], ("alpha", 0.4f))
            .Op("default", "Selu", [Batch(2, 3)])
            .Op("alpha and gamma", "Selu", [Batch(2, 3)], ("alpha", 0.7f), ("gamma", 1.3f))
            .Op("", "Sigmoid", [Batch(2, 3)])
            .Op("default", "HardSigmoid", [Batch(2, 3).In(-3f, 3f)])
            .Op("alpha and beta", "HardSigmoid", [Batch(2, 3)], ("alpha", 0.6f), ("beta", 0.3f))
            .Op("", "Tanh", [Batch(2, 3)])
            .Op("", "Softplus", [Batch(2, 3)])
            .Op("", "Softsign", [Batch(2, 3)]);
        cases.At(7, 10)
            .Op("both bounds", "Clip", [Batch(2, 3)], ("min", -0.5f), ("max", 0.6f))
            .Op("lower bound", "Clip", [Batch(2, 3)], ("min", -0.5f))
            .Op("upper bound", "Clip", [Batch(2, 3)], ("max", 0.4f))
            .Op("no bounds", "Clip", [Batch(2, 3)]);
        cases.At(11, 23)
            .Op("both bounds", "Clip", [Batch(2, 3), Scalar(-0.5f), Scalar(0.6f)])
            .Op("lower bound", "Clip", [Batch(2, 3), Scalar(-0.5f)])
            .Op("upper bound", "Clip", [Batch(2, 3), Absent, Scalar(0.4f)])
            .Op("no bounds", "Clip", [Batch(2, 3)]);
        cases.At(10, 23).Op("", "ThresholdedRelu", [Batch(2, 3)], ("alpha", 0.3f));
        cases.At(12, 23)
            .Op("default", "Celu", [Batch(2, 3)])
            .Op("alpha", "Celu", [Batch(2, 3)], ("alpha", 0.6f));
        cases.At(14, 23).Op("", "HardSwish", [Batch(2, 3).In(-4f, 4f)]);
        cases.At(18, 23).Op("", "Mish", [Batch(2, 3)]);
        cases.At(20, 23)
            .Op("exact", "Gelu", [Batch(2, 3)])
            .Op("exact by name", "Gelu", [Batch(2, 3)], ("approximate", "none"))
            .Op("tanh", "Gelu", [Batch(2, 3)], ("approximate", "tanh"));

        foreach (var op in new[] { "Softmax", "LogSoftmax" })
        {
            cases.At(7, 12)
                .Op("default axis flattens", op, [Batch(2, 3)])
                .Op("axis 2 flattens", op, [Batch(2, 3, 2)], ("axis", 2L))
                .Op("axis 0 flattens the batch too", op, [Batch(3)], ("axis", 0L))
                .Op("last axis", op, [Batch(2, 3)], ("axis", 2L));
            cases.At(11, 12).Op("negative axis flattens", op, [Batch(2, 3, 2)], ("axis", -2L));
            cases.At(13, 23)
                .Op("default axis", op, [Batch(2, 3)])
                .Op("axis 1", op, [Batch(2, 3)], ("axis", 1L))
                .Op("negative axis", op, [Batch(2, 3, 2)], ("axis", -3L))
                .Op("axis of the batch", op, [Batch(2, 3)], ("axis", 0L)).WithZero("t0");
        }

        return cases;
    }
}
