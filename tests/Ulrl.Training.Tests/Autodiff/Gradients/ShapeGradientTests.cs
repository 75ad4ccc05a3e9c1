using Ulrl.Training.Autodiff;
using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class ShapeGradientTests
{
    private static readonly GradientCases Cases = Table();

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
}
