using TorchSharp;
using Ulrl.Training.Autodiff;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Reductions over axes.</summary>
internal static class ReductionOperators
{
    public static void Register(OperatorTable table)
    {
        Add(table, "ReduceSum", (x, axes, keep) => x.sum(axes, keep));
        Add(table, "ReduceMean", (x, axes, keep) => x.mean(axes, keep));
        Add(table, "ReduceMax", (x, axes, keep) => x.amax(axes, keep));
        Add(table, "ReduceMin", (x, axes, keep) => x.amin(axes, keep));
        Add(table, "ReduceL1", (x, axes, keep) => x.abs().sum(axes, keep));
        Add(table, "ReduceL2", (x, axes, keep) => torch.linalg.vector_norm(x, 2, axes, keep));
        Add(table, "ReduceSumSquare", (x, axes, keep) => (x * x).sum(axes, keep));
        Add(table, "ReduceLogSum", (x, axes, keep) => x.sum(axes, keep).log());
        Add(table, "ReduceLogSumExp", (x, axes, keep) => EachAxis(x, axes, keep, (t, axis) => t.logsumexp(axis, true)));
        Add(table, "ReduceProd", (x, axes, keep) => EachAxis(x, axes, keep, (t, axis) => t.prod(axis, true)));
        table.Add("ArgMax", n => Arg(n, (x, axis) => x.argmax(axis, true)));
        table.Add("ArgMin", n => Arg(n, (x, axis) => x.argmin(axis, true)));
    }

    private static void Add(OperatorTable table, string op, Func<Tensor, long[], bool, Tensor> reduce) => table.Add(op, n =>
    {
        var rank = n.Rank(0);
        long[] axes = n.Has(1) ? [.. n.Integers(1).Select(a => (long)GradientContext.Normalize(a, rank))] : [];
        if (axes.Length == 0 && n.Int("noop_with_empty_axes", 0) != 0) return n[0].alias();
        if (axes.Length == 0) axes = [.. Enumerable.Range(0, rank).Select(i => (long)i)];
        return reduce(n[0], axes, n.Int("keepdims", 1) != 0);
    });

    // Reductions that libtorch has for one axis at a time.
    private static Tensor EachAxis(Tensor x, long[] axes, bool keep, Func<Tensor, long, Tensor> reduce)
    {
        var result = axes.Aggregate(x.alias(), reduce);
        return keep ? result : axes.OrderDescending().Aggregate(result, (t, axis) => t.squeeze(axis));
    }

    private static Tensor Arg(OperatorContext n, Func<Tensor, long, Tensor> find)
    {
        var axis = n.Axis(0);
        var found = n.Int("select_last_index", 0) == 0
            ? find(n[0], axis)
            : n[0].shape[axis] - 1 - find(n[0].flip(axis), axis);
        return n.Int("keepdims", 1) != 0 ? found : found.squeeze(axis);
    }
}
