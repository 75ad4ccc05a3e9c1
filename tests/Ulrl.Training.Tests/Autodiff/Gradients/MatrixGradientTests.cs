using static Ulrl.Training.Tests.Autodiff.Gradients.Operand;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

public sealed class MatrixGradientTests
{
    internal static readonly GradientCases Cases = Table();

    public static TheoryData<string> Names => Cases.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradient_equals_finite_differences(string name) => Cases.Check(name);

    private static GradientCases Table()
    {
        var cases = new GradientCases().At(7, 11, 18);
        foreach (var (shape, note) in new (long[], string)[] { ([3], "vector"), ([1, 3], "row"), ([2, 1], "column"), ([], "scalar"), ([2, 3], "matrix"), ([1], "one number") })
        {
            cases.Op($"C is a {note}", "Gemm", [Param(2, 4), Param(4, 3), Param(shape)], ("beta", 0.7f));
        }

        foreach (var (transA, transB) in new[] { (0L, 0L), (0L, 1L), (1L, 0L), (1L, 1L) })
        {
            cases.Op(
                $"transA {transA}, transB {transB}", "Gemm", [transA == 0 ? Param(2, 4) : Param(4, 2), transB == 0 ? Param(4, 3) : Param(3, 4), Param(3)],
                ("transA", transA), ("transB", transB), ("alpha", 0.6f), ("beta", 1.4f));
        }

        cases.Op("linear layer", "Gemm", [Batch(4), Param(3, 4), Param(3)], ("transB", 1L))
            .Op("linear layer, row bias, untransposed", "Gemm", [Batch(4), Param(4, 3), Param(1, 3)], ("alpha", 0.5f));
        cases.At(11, 23).Op("without C", "Gemm", [Batch(4), Param(3, 4)], ("transB", 1L));

        cases.At(7, 18)
            .Op("matrix by matrix", "MatMul", [Batch(3), Param(3, 4)])
            .Op("three dimensions by shared matrix", "MatMul", [Batch(2, 3), Param(3, 4)])
            .Op("four dimensions by shared matrix", "MatMul", [Batch(2, 2, 3), Param(3, 4)])
            .Op("shared matrix on the left", "MatMul", [Param(4, 2), Batch(2, 3)])
            .Op("shared matrix on the left of four dimensions", "MatMul", [Param(4, 2), Batch(3, 2, 3)])
            .Op("batched by batched", "MatMul", [Batch(2, 3), Batch(3, 2)])
            .Op("four dimensions each", "MatMul", [Batch(2, 2, 3), Batch(2, 3, 2)])
            .Op("heads on the right", "MatMul", [Batch(2, 2, 3), Param(2, 3, 4)])
            .Op("left stretched over heads", "MatMul", [Batch(1, 2, 3), Param(2, 3, 4)])
            .Op("right stretched over heads", "MatMul", [Batch(2, 2, 3), Param(1, 3, 4)])
            .Op("vector on the right", "MatMul", [Batch(2, 3), Param(3)])
            .Op("vector on the right of two dimensions", "MatMul", [Batch(3), Param(3)])
            .Op("vector on the left", "MatMul", [Param(2), Batch(2, 3)])
            .Op("dot product", "MatMul", [Param(3), Param(3)])
            .Op("vector by matrix", "MatMul", [Param(3), Param(3, 2)])
            .Op("matrix by vector", "MatMul", [Param(2, 3), Param(3)])
            .Op("vector by four dimensions", "MatMul", [Param(3), Param(2, 2, 3, 2)])
            .Op("four dimensions by vector", "MatMul", [Param(2, 2, 2, 3), Param(3)])
            .Op("two dimensions by four", "MatMul", [Param(2, 3), Param(2, 2, 3, 2)])
            .Op("four dimensions by three, stretched both ways", "MatMul", [Param(2, 1, 2, 3), Param(4, 3, 2)])
            .Graph("MatMul of a tensor by its transpose", g =>
            {
                var x = g.Add(Batch(2, 3));
                return g.Op("MatMul", [x, g.Op("Transpose", [x], ("perm", new long[] { 0, 2, 1 }))]);
            });

        return cases.At(12, 23)
            .Op("explicit", "Einsum", [Batch(3), Param(3, 4)], ("equation", "bi,ij->bj"))
            .Op("implicit output", "Einsum", [Batch(3), Param(3, 4)], ("equation", "bi,ij"))
            .Op("implicit output in alphabetical order", "Einsum", [Param(3, 4), Param(4, 2)], ("equation", "zi,ia"))
            .Op("spaces", "Einsum", [Batch(2, 3), Param(4, 3)], ("equation", " b t d , e d -> b t e "))
            .Op("attention scores", "Einsum", [Batch(2, 2, 3), Batch(2, 4, 3)], ("equation", "bhqd,bhkd->bhqk"))
            .Op("three operands", "Einsum", [Batch(3), Param(3, 2), Param(2, 4)], ("equation", "bi,ij,jk->bk"))
            .Op("transpose", "Einsum", [Batch(2, 3)], ("equation", "bij->bji"))
            .Op("sum of one operand", "Einsum", [Batch(2, 3)], ("equation", "bij->b"))
            .Op("an index summed within one operand", "Einsum", [Batch(2, 3), Param(4)], ("equation", "bij,k->bik"))
            .Op("indices summed within both operands", "Einsum", [Batch(2, 3), Param(4, 2)], ("equation", "bij,kl->bi"))
            .Op("outer product", "Einsum", [Batch(2), Param(3)], ("equation", "bi,j->bij"))
            .Op("upper-case indices", "Einsum", [Batch(3), Param(3, 4)], ("equation", "Bi,iJ->BJ"))
            .Op("ellipsis", "Einsum", [Batch(2, 3), Param(3, 4)], ("equation", "...i,ij->...j"))
            .Op("ellipsis in both operands", "Einsum", [Batch(2, 2, 3), Batch(2, 3, 4)], ("equation", "...qi,...ij->...qj"))
            .Op("ellipsis over dimensions of size one", "Einsum", [Param(1, 2, 2, 3), Param(4, 2, 3, 2)], ("equation", "...qi,...ij->...qj"))
            .Op("ellipsis in the middle", "Einsum", [Batch(2, 3), Param(3, 4)], ("equation", "b...i,ij->bj..."))
            .Op("ellipsis that stands for nothing", "Einsum", [Batch(3), Param(3, 4)], ("equation", "b...i,ij->b...j"))
            .Op("ellipsis, implicit output", "Einsum", [Batch(2, 3), Param(3, 4)], ("equation", "...i,ij"));
    }
}
