using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ElementwiseGradientTests
{
    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 18);
        foreach (var op in new[] { "Add", "Sub", "Mul" })
        {
            cases.Op("same shape", op, [Batch(2, 3), Batch(2, 3)])
                .Op("both parameters, each broadcast", op, [Param(4, 1, 3), Param(2, 1)])
                .Graph($"{op}, parameter with more dimensions than the input", g => g.Op("Transpose", [g.Op(op, [g.Add(Batch(3)), g.Add(Param(2, 1, 3))])], ("perm", new long[] { 1, 0, 2 })))
                .Op("column by row", op, [Batch(2, 1), Param(1, 3)])
                .Op("vector parameter on the left", op, [Param(3), Batch(2, 3)]);
        }

        cases.Op("same shape", "Div", [Batch(2, 3), Batch(2, 3).In(0.6f, 2f)])
            .Op("both broadcast", "Div", [Param(4, 1, 3), Param(2, 1).In(0.5f, 2f)])
            .Op("negative divisor, column by row", "Div", [Batch(2, 1), Param(1, 3).In(-2f, -0.5f)])
            .Op("by one operand twice", "Div", [Param(3), Batch(2, 3).In(0.7f, 1.9f)])
            .Graph("Mul, a tensor by itself", g => Square(g))
            .Op("positive base", "Pow", [Batch(2, 3).In(0.4f, 2f), Param(3).In(-2f, 2.5f)])
            .Op("both broadcast", "Pow", [Param(4, 1, 3).In(0.5f, 2f), Param(2, 1)])
            .Op("negative base, square", "Pow", [Batch(2, 3), Scalar(2f)])
            .Op("negative base, cube", "Pow", [Param(2, 3), Floats([1], 3f)])
            .Op("one input", "Sum", [Batch(3)])
            .Op("", "Neg", [Batch(2, 3)])
            .Op("", "Abs", [Batch(2, 3)])
            .Op("", "Exp", [Batch(2, 3)])
            .Op("", "Log", [Batch(2, 3).In(0.3f, 3f)])
            .Op("", "Sqrt", [Batch(2, 3).In(0.3f, 3f)])
            .Op("", "Reciprocal", [Batch(2, 3).In(-3f, -0.4f)])
            .Op("", "Sin", [Batch(2, 3).In(-3f, 3f)])
            .Op("", "Cos", [Batch(2, 3).In(-3f, 3f)])
            .Op("", "Tan", [Batch(2, 3)])
            .Op("", "Asin", [Batch(2, 3).In(-0.7f, 0.7f)])
            .Op("", "Acos", [Batch(2, 3).In(-0.7f, 0.7f)])
            .Op("", "Atan", [Batch(2, 3)])
            .Op("", "Identity", [Batch(2, 3)])
            .Graph("Cast to double and back", g => g.Op("Cast", [g.Op("Mul", [g.Op("Cast", [g.Add(Batch(3))], ("to", 11L)), g.Op("Cast", [g.Add(Param(3))], ("to", 11L))])], ("to", 1L)))
            .Graph("Dropout left off", g => g.Op("Dropout", [g.Add(Batch(3))]));
        cases.At(7)
            .Op("two inputs", "Max", [Batch(2, 3), Batch(2, 3)])
            .Op("two inputs", "Min", [Batch(2, 3), Batch(2, 3)]);
        cases.At(8, 23)
            .Op("three inputs of different shapes", "Max", [Batch(2, 3), Param(3), Param(2, 1)])
            .Op("three inputs of different shapes", "Min", [Batch(2, 3), Param(3), Param(2, 1)])
            .Op("one input", "Max", [Batch(4)])
            .Op("one input", "Min", [Batch(4)])
            .Op("three inputs", "Sum", [Batch(2, 3), Param(3), Param(2, 1)])
            .Op("three inputs", "Mean", [Batch(2, 3), Param(3), Param(2, 1)]);
        cases.At(9, 23)
            .Op("both flow", "Where", [Bools([2, 3], true, false, false, true, true, false), Batch(2, 3), Batch(2, 3)])
            .Op("all three broadcast", "Where", [Bools([3], true, false, true), Param(2, 1), Param(4, 2, 3)])
            .Op("", "Sinh", [Batch(2, 3)])
            .Op("", "Cosh", [Batch(2, 3)])
            .Op("", "Asinh", [Batch(2, 3)])
            .Op("", "Acosh", [Batch(2, 3).In(1.3f, 3f)])
            .Op("", "Atanh", [Batch(2, 3).In(-0.7f, 0.7f)])
            .Op("", "Erf", [Batch(2, 3)]);
        return cases.At(12, 15)
            .Op("integer exponent", "Pow", [Batch(2, 3), IntTensor([], 3)])
            .Op("negative base, zero exponent", "Pow", [Batch(3), Floats([3], 1f, 0f, 2f)])
            .Graph("Dropout with a ratio, left off", g => g.Op("Dropout", [g.Add(Batch(3)), g.Add(Scalar(0.5f))]));
    }

    private static Ulrl.Training.Autodiff.Value Square(CaseGraph g)
    {
        var x = g.Add(Batch(2, 3));
        return x * x;
    }
}
