using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ReductionGradientTests
{
    private static readonly string[] Ops =
    [
        "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
    ];

    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases();
        foreach (var op in Ops)
        {
            var x = op == "ReduceLogSum" ? Batch(2, 3, 2).In(0.3f, 2f) : Batch(2, 3, 2);
            var every = op == "ReduceProd" ? Param(2, 2) : x;
            var inputs = op == "ReduceSum" ? 13 : 18;
            cases.At(op == "ReduceSum" ? [7, 12] : [7, 17])
                .Op("one axis, kept", op, [x], ("axes", new long[] { 2 }))
                .Op("two axes, dropped", op, [x], ("axes", new long[] { 1, 3 }), ("keepdims", 0L))
                .Op("every axis, dropped", op, [every], ("keepdims", 0L))
                .Op("axis of the batch", op, [x], ("axes", new long[] { 0 }), ("keepdims", 0L));
            cases.At(11).Op("negative axes", op, [x], ("axes", new long[] { -1, 1 }), ("keepdims", 0L));
            cases.At(inputs, 23)
                .Op("one axis, kept", op, [x, Ints(2)])
                .Op("negative and positive axis, dropped", op, [x, Ints(-1, 1)], ("keepdims", 0L))
                .Op("every axis, dropped", op, [every], ("keepdims", 0L))
                .Op("every axis, kept", op, [every])
                .Op("axis of the batch", op, [x, Ints(0)], ("keepdims", 0L))
                .Op("empty axes mean every one", op, [every, IntTensor([0])], ("keepdims", 0L))
                .Op("parameter, all but the last axis", op, [op == "ReduceLogSum" ? Param(2, 3).In(0.3f, 2f) : Param(2, 3), Ints(0)], ("keepdims", 0L));
        }

        cases.At(13, 18, 23)
            .Op("no axes mean none", "ReduceSum", [Batch(2, 3)], ("noop_with_empty_axes", 1L))
            .Op("empty axes mean none", "ReduceSum", [Batch(2, 3), IntTensor([0])], ("noop_with_empty_axes", 1L), ("keepdims", 0L));
        cases.At(18, 23)
            .Op("no axes mean none", "ReduceMean", [Batch(2, 3)], ("noop_with_empty_axes", 1L));
        return cases.At(7, 17)
            .Op("zeros among the factors", "ReduceProd", [Batch(4, 3).Of(0.8f, 0f, 1.5f, 0f, -0.7f, 0f, 0f, 0f, 0f, 0.9f, 1.1f, -1.2f)], ("axes", new long[] { 2 }), ("keepdims", 0L));
    }
}
