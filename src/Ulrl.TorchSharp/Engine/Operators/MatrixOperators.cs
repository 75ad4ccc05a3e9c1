using TorchSharp;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Matrix products.</summary>
internal static class MatrixOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("MatMul", n => n[0].matmul(n[1]));
        table.Add("Gemm", Gemm);
        table.Add("Einsum", n => torch.einsum(n.Text("equation", "").Replace(" ", "", StringComparison.Ordinal), n.All));
    }

    // Y = alpha·op(A)·op(B) + beta·C
    private static Tensor Gemm(OperatorContext n)
    {
        var (alpha, beta) = (n.Float("alpha", 1f), n.Float("beta", 1f));
        var a = n.Int("transA", 0) != 0 ? n[0].t() : n[0];
        if (n.Int("transB", 0) != 0 && alpha == 1f && beta == 1f && n.Optional(2) is { } bias && bias.dim() == 1)
        {
            return functional.linear(a, n[1], bias);
        }

        var product = a.matmul(n.Int("transB", 0) != 0 ? n[1].t() : n[1]);
        if (alpha != 1f) product *= alpha;
        if (!n.Has(2)) return product;
        return beta == 1f ? product + n[2] : product + (n[2] * beta);
    }
}
