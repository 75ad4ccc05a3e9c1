using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ShapeGradientTests
{
    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 18)
            .Op("fixed", "Reshape", [Batch(2, 6), Ints(-1, 4, 3)])
            .Op("copied dimension and the rest", "Reshape", [Batch(2, 6), Ints(0, 3, -1)])
            .Op("parameter", "Reshape", [Param(2, 6), Ints(3, -1)])
            .Op("default axis", "Flatten", [Batch(2, 3, 2)])
            .Op("axis 2", "Flatten", [Batch(2, 3)], ("axis", 2L))
            .Op("axis 0 of a parameter", "Flatten", [Param(2, 3)], ("axis", 0L))
            .Op("default order", "Transpose", [Param(2, 3, 4)])
            .Op("given order", "Transpose", [Batch(2, 3, 4)], ("perm", new long[] { 0, 3, 1, 2 }))
            .Graph("Transpose with the batch moved and back", BatchMoved)
            .Op("uneven parts", "Concat", [Batch(2, 3), Batch(1, 3), Batch(4, 3)], ("axis", 1L))
            .Op("parameters along the first axis", "Concat", [Param(2, 3), Param(1, 3)], ("axis", 0L))
            .Op("one input", "Concat", [Batch(3)], ("axis", 1L))
            .Graph("Concat of a tensor with itself", g => g.Add(Batch(3)) is var x ? g.Op("Concat", [x, x], ("axis", 1L)) : default)
            .Graph("Concat along the batch", g => g.Op("ReduceL2", [g.Op("Concat", [g.Add(Batch(3)), g.Add(Param(2, 3))], ("axis", 0L))], ("keepdims", 0L)))
            .Op("both ends repeated", "Tile", [Batch(2, 3), Ints(1, 3, 2)])
            .Op("parameter", "Tile", [Param(1, 3), Ints(4, 2)])
            .Graph("Tile by the size of the batch", g => g.Op("Tile", [g.Add(Param(1, 2, 3)), BatchAnd(g, 1, 1)]))
            .Op("", "SpaceToDepth", [Batch(2, 4, 2)], ("blocksize", 2L))
            .Op("default mode", "DepthToSpace", [Batch(8, 1, 2)], ("blocksize", 2L));
        cases.At(8, 23)
            .Op("new and stretched dimensions", "Expand", [Param(3, 1), Ints(2, 3, 4)])
            .Op("to a shape that is smaller in places", "Expand", [Batch(1, 3), Ints(1, 2, 1)])
            .Graph("Expand by the size of the batch", g => g.Op("Expand", [g.Add(Param(1, 2, 3)), BatchAnd(g, 2, 3)]));
        cases.At(11, 18)
            .Op("DCR", "DepthToSpace", [Batch(8, 2, 1)], ("blocksize", 2L), ("mode", "DCR"))
            .Op("CRD", "DepthToSpace", [Batch(8, 2, 1)], ("blocksize", 2L), ("mode", "CRD"))
            .Op("CRD by three", "DepthToSpace", [Batch(9, 1, 2)], ("blocksize", 3L), ("mode", "CRD"))
            .Op("negative axis", "Concat", [Batch(2, 3), Batch(2, 1)], ("axis", -1L))
            .Op("negative axis", "Flatten", [Batch(2, 3)], ("axis", -1L));

        cases.At(7, 12)
            .Op("given axes", "Squeeze", [Batch(1, 3, 1)], ("axes", new long[] { 1, 3 }))
            .Op("every axis of size one", "Squeeze", [Param(1, 3, 1)])
            .Op("given axes", "Unsqueeze", [Batch(3)], ("axes", new long[] { 1, 3 }))
            .Ops("given sizes", "Split", 3, [Batch(6, 2)], ("axis", 1L), ("split", new long[] { 1, 3, 2 }))
            .Ops("equal parts", "Split", 3, [Batch(2, 6)], ("axis", 2L))
            .Ops("default axis", "Split", 2, [Param(4, 3)]);
        cases.At(11).Op("negative axes", "Squeeze", [Batch(3, 1)], ("axes", new long[] { -1 }))
            .Op("negative axes", "Unsqueeze", [Batch(3)], ("axes", new long[] { -1 }));
        cases.At(13, 23)
            .Op("given axes", "Squeeze", [Batch(1, 3, 1), Ints(1, -1)])
            .Op("every axis of size one", "Squeeze", [Param(1, 3, 1)])
            .Op("given axes", "Unsqueeze", [Batch(3), Ints(1, -1)])
            .Ops("given sizes", "Split", 3, [Batch(6, 2), Ints(1, 3, 2)], ("axis", 1L))
            .Graph("Split with parts that are not used", g => g.Op("Split", 3, [g.Add(Batch(6)), g.Add(Ints(1, 3, 2))], ("axis", 1L))[1]);
        cases.At(13).Ops("equal parts", "Split", 3, [Batch(2, 6)], ("axis", -1L));
        cases.At(11, 17, 23)
            .Graph("Shape, Size, Range, Mod and Equal beside the gradient", Numbers)
            .Graph("ArgMax, TopK, Floor and Greater beside the gradient", Choices)
            .Graph("NonZero, ConstantOfShape and ScatterND beside the gradient", Places);
        return cases.At(18, 23)
            .Ops("a number of parts", "Split", 3, [Batch(6)], ("axis", 1L), ("num_outputs", 3L))
            .Ops("a number of parts, the last smaller", "Split", 3, [Batch(7)], ("axis", 1L), ("num_outputs", 3L));
    }

    private static Value BatchMoved(CaseGraph g)
    {
        var moved = g.Op("Transpose", [g.Add(Batch(2, 3))], ("perm", new long[] { 1, 0, 2 }));
        return g.Op("Transpose", [moved * g.Add(Param(2, 1, 3))], ("perm", new long[] { 1, 0, 2 }));
    }

    // The vector [batch, rest…].
    private static Value BatchAnd(CaseGraph g, params long[] rest) =>
        g.Op("Concat", [g.Op("Gather", [g.Op("Shape", [g.B[CaseGraph.Input]]), g.Add(Ints(0))]), g.Add(Ints(rest))], ("axis", 0L));

    // Every other column of x, divided by the number of its elements.
    private static Value Numbers(CaseGraph g)
    {
        var x = g.Add(Batch(6));
        var columns = g.Op("Gather", [g.Op("Shape", [x]), g.B.Scalar(1L)]);
        var steps = g.Op("Range", [g.B.Scalar(0L), columns, g.B.Scalar(1L)]);
        var odd = g.Op("Not", [g.Op("Equal", [g.Op("Mod", [steps, g.B.Scalar(2L)]), g.B.Scalar(0L)])]);
        return g.Op("Where", [odd, x, g.B.Scalar(0f)]) * 24f / g.Op("Cast", [g.Op("Size", [x])], ("to", 1L));
    }

    // The largest entry, the second largest two, and x weighed by whole numbers and signs made from it.
    private static Value[] Choices(CaseGraph g)
    {
        var x = g.Add(Batch(6).In(-3.3f, 2.9f));
        var best = g.Op("GatherElements", [x, g.Op("ArgMax", [x], ("axis", 1L))], ("axis", 1L));
        var two = g.Op("GatherElements", [x, g.Op("TopK", 2, [x, g.B.Ints(2)], ("axis", 1L))[1]], ("axis", 1L));
        var positive = g.Op("Cast", [g.Op("Greater", [x, g.B.Scalar(0f)])], ("to", 1L));
        var whole = g.Op("Cast", [g.Op("Cast", [g.Op("Floor", [x])], ("to", 7L))], ("to", 1L));
        return [best, two, x * positive, x * whole * g.Op("Sign", [x])];
    }

    // Columns of a mask, picked out, and signs written into a vector of ones.
    private static Value[] Places(CaseGraph g)
    {
        var x = g.Add(Batch(5));
        var mask = g.Add(Bools([5], true, false, true, true, false));
        var places = g.Op("Reshape", [g.Op("NonZero", [mask]), g.B.Ints(-1)]);
        var signs = g.Op("ScatterND", [g.Op("ConstantOfShape", [g.B.Ints(5)], ("value", TensorData.Create("", [1], [1f]))), g.Add(IntTensor([2, 1], 0, 3)), g.B.Floats([-1f, -2f], 2)]);
        return [g.Op("Gather", [x, places], ("axis", 1L)), x * signs];
    }
}
