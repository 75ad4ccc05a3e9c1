using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class IndexingGradientTests
{
    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 9)
            .Op("given axes", "Slice", [Batch(4, 5)], ("axes", new long[] { 1, 2 }), ("starts", new long[] { 1, -3 }), ("ends", new long[] { 3, 100 }))
            .Op("no axes", "Slice", [Param(4, 5)], ("starts", new long[] { 1, 0 }), ("ends", new long[] { -1, 2 }))
            .Op("constant by default", "Pad", [Batch(2, 3)], ("pads", new long[] { 0, 1, 2, 0, 0, 1 }))
            .Op("constant value", "Pad", [Batch(2, 3)], ("pads", new long[] { 0, 1, 0, 0, 0, 1 }), ("value", 0.7f))
            .Op("negative", "Pad", [Batch(3, 4)], ("pads", new long[] { 0, -1, 2, 0, 0, -2 }))
            .Op("reflect", "Pad", [Batch(1, 3, 4)], ("mode", "reflect"), ("pads", new long[] { 0, 0, 2, 1, 0, 0, 1, 3 }))
            .Op("edge", "Pad", [Batch(1, 3, 4)], ("mode", "edge"), ("pads", new long[] { 0, 0, 2, 1, 0, 0, 1, 3 }));

        cases.At(10, 13, 23)
            .Op("given axes", "Slice", [Batch(4, 5), Ints(1, -3), Ints(3, 100), Ints(1, 2)])
            .Op("no axes", "Slice", [Param(4, 5), Ints(1, 0), Ints(-1, 2)])
            .Op("steps", "Slice", [Batch(5, 7), Ints(0, 1), Ints(5, 7), Ints(1, 2), Ints(2, 3)])
            .Op("negative axes", "Slice", [Batch(4, 5), Ints(1, 0), Ints(4, 3), Ints(-1, -2)])
            .Op("backwards", "Slice", [Batch(3, 4), Ints(-1), Ints(long.MinValue), Ints(2), Ints(-1)])
            .Op("backwards by two from inside", "Slice", [Batch(3, 6), Ints(4), Ints(0), Ints(2), Ints(-2)])
            .Op("one after the other", "Slice", [Batch(3, 6), Ints(0, 5), Ints(2, -7), Ints(1, 2), Ints(1, -2)])
            .Op("beyond the ends", "Slice", [Batch(3, 4), Ints(-100), Ints(100), Ints(2)]);

        cases.At(7, 23)
            .Op("rows of a table, some twice", "Gather", [Param(4, 3), IntTensor([2, 3], 0, 3, 3, 1, 0, 3)])
            .Op("one column, dropped", "Gather", [Batch(4, 3), IntTensor([], 2)], ("axis", 1L))
            .Op("columns", "Gather", [Batch(2, 4, 3), Ints(3, 1, 3)], ("axis", 2L))
            .Op("a matrix of indices along the last axis", "Gather", [Batch(2, 4), IntTensor([2, 2], 0, 3, 3, 1)], ("axis", 2L));
        cases.At(11, 18)
            .Op("negative indices and axis", "Gather", [Batch(2, 4), Ints(-1, 0, -4)], ("axis", -1L))
            .Op("along the first axis", "GatherElements", [Param(3, 2), IntTensor([2, 2], 0, 2, 2, 0)])
            .Op("along the last axis, negative indices", "GatherElements", [Param(2, 3), IntTensor([2, 2], -1, 0, 2, -3)], ("axis", -1L))
            .Op("whole index", "GatherND", [Param(2, 3), IntTensor([3, 2], 0, 1, 1, 2, 0, 1)])
            .Op("leading index", "GatherND", [Param(3, 2), IntTensor([2, 1], 2, 0)])
            .Op("negative indices", "GatherND", [Param(3, 2), IntTensor([2, 1], -1, 0)])
            .Op("replaced rows", "ScatterND", [Param(3, 2), IntTensor([2, 1], 2, 0), Param(2, 2)])
            .Op("replaced entries, negative index", "ScatterND", [Param(3, 2), IntTensor([2, 2], 2, 0, -3, 1), Param(2)])
            .Op("along the last axis", "ScatterElements", [Param(2, 3), IntTensor([2, 2], -1, 0, 2, 1), Param(2, 2)], ("axis", 1L))
            .Op("default axis", "ScatterElements", [Param(3, 2), IntTensor([1, 2], 2, 0), Param(1, 2)])
            .Op("along an axis", "CumSum", [Batch(2, 3), IntTensor([], 1)])
            .Op("reverse, exclusive", "CumSum", [Batch(2, 3), IntTensor([], 2)], ("reverse", 1L), ("exclusive", 1L));
        cases.At(9, 10).Op("", "Scatter", [Param(3, 2), IntTensor([1, 2], 2, 0), Param(1, 2)]);
        cases.At(12, 23)
            .Op("one batch dimension", "GatherND", [Param(2, 3, 2), IntTensor([2, 2, 1], 0, 2, 1, -1)], ("batch_dims", 1L));
        cases.At(16, 23)
            .Op("added rows", "ScatterND", [Param(3, 2), IntTensor([3, 1], 2, 0, 2), Param(3, 2)], ("reduction", "add"))
            .Op("added", "ScatterElements", [Param(3, 2), IntTensor([2, 2], 2, 0, 2, 1), Param(2, 2)], ("reduction", "add"));
        cases.At(14, 23)
            .Op("upper", "Trilu", [Param(3, 4)])
            .Op("lower, shifted", "Trilu", [Batch(3, 4), IntTensor([], -1)], ("upper", 0L));

        cases.At(11, 18)
            .Op("constant by default", "Pad", [Batch(2, 3), Ints(0, 1, 2, 0, 0, 1)])
            .Op("constant value", "Pad", [Batch(2, 3), Ints(0, 1, 0, 0, 0, 1), Scalar(0.7f)])
            .Op("negative", "Pad", [Batch(3, 4), Ints(0, -1, 2, 0, 0, -2)])
            .Op("negative on both sides", "Pad", [Batch(5, 4), Ints(0, -1, 0, 0, -2, 1)])
            .Op("reflect", "Pad", [Batch(1, 3, 4), Ints(0, 0, 2, 1, 0, 0, 1, 3)], ("mode", "reflect"))
            .Op("edge", "Pad", [Batch(1, 3, 4), Ints(0, 0, 2, 1, 0, 0, 1, 3)], ("mode", "edge"));
        cases.At(18, 23)
            .Op("given axes", "Pad", [Batch(2, 3), Ints(1, 2, 0, 1), Absent, Ints(2, 1)])
            .Op("negative axes, reflect", "Pad", [Batch(2, 3), Ints(2, 1), Absent, Ints(-1)], ("mode", "reflect"));
        return cases.At(19, 23)
            .Op("wrap", "Pad", [Batch(1, 3, 4), Ints(0, 0, 2, 1, 0, 0, 1, 3)], ("mode", "wrap"));
    }
}
