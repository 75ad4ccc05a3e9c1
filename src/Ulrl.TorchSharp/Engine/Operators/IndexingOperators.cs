using TorchSharp;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Autodiff.Rules;
using Ulrl.Training.Onnx.Proto;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Selecting, cutting, padding and scattering.</summary>
internal static class IndexingOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Gather", Gather);
        table.Add("GatherElements", n => n[0].gather(n.Axis(0), Positions(n[1], n[0].shape[n.Axis(0)])));
        table.Add("GatherND", n => n[0].index(Indices(n[1], n[0], (int)n.Int("batch_dims", 0))));
        table.Add("ScatterND", ScatterNd);
        table.Add("ScatterElements", ScatterElements);
        table.Limit("ScatterND", Reduction);
        table.Limit("ScatterElements", Reduction);
        table.Add("Slice", Slice);
        table.Add("Pad", Pad);
        table.Add("Trilu", Trilu);
        table.Add("CumSum", CumSum);
        table.Add("NonZero", n => n[0].nonzero().t());
        table.Add("OneHot", OneHot);
        table.AddNode("TopK", TopK);
    }

    private static string? Reduction(NodeProto node) => node.Text("reduction", "none") is "none" or "add" ? null : "its reduction is not supported";

    // Negative indices count from the end.
    private static Tensor Positions(Tensor index, long size)
    {
        var positions = index.to(torch.ScalarType.Int64);
        return torch.where(positions < 0, positions + size, positions);
    }

    private static Tensor Gather(OperatorContext n)
    {
        var (x, index, axis) = (n[0], n[1], n.Axis(0));
        var found = x.index_select(axis, Positions(index, x.shape[axis]).reshape(-1));
        return found.reshape([.. x.shape[..axis], .. index.shape, .. x.shape[(axis + 1)..]]);
    }

    // The columns of an index tensor, one per dimension that they select from, behind leading dimensions that they share with x.
    private static Tensor[] Indices(Tensor index, Tensor x, int batch)
    {
        var indices = new List<Tensor>();
        var rank = (int)index.dim() - 1;
        for (var i = 0; i < batch; i++)
        {
            var shape = Enumerable.Repeat(1L, rank).ToArray();
            shape[i] = x.shape[i];
            indices.Add(torch.arange(x.shape[i], device: index.device).reshape(shape));
        }

        for (var i = 0L; i < index.shape[^1]; i++) indices.Add(Positions(index.select(-1, i), x.shape[batch + i]));
        return [.. indices];
    }

    private static Tensor ScatterNd(OperatorContext n) =>
        n[0].clone().index_put_(n[2], Indices(n[1], n[0], 0), n.Text("reduction", "none") == "add");

    private static Tensor ScatterElements(OperatorContext n)
    {
        var axis = n.Axis(0);
        var positions = Positions(n[1], n[0].shape[axis]);
        return n.Text("reduction", "none") == "add" ? n[0].scatter_add(axis, positions, n[2]) : n[0].scatter(axis, positions, n[2]);
    }

    private static Tensor Slice(OperatorContext n)
    {
        var (x, starts, ends) = (n[0].alias(), n.Integers(1), n.Integers(2));
        var axes = n.Has(3) ? n.Integers(3) : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        var steps = n.Has(4) ? n.Integers(4) : Window.Ones(starts.Length);
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = GradientContext.Normalize(axes[i], (int)x.dim());
            var size = x.shape[axis];
            long At(long position, long low, long high) => Math.Clamp(position < 0 ? position + size : position, low, high);
            if (steps[i] > 0)
            {
                var start = At(starts[i], 0, size);
                x = x.slice(axis, start, Math.Max(start, At(ends[i], 0, size)), steps[i]);
                continue;
            }

            var positions = new List<long>();
            for (var p = At(starts[i], 0, size - 1); p > At(ends[i], -1, size - 1); p += steps[i]) positions.Add(p);
            x = x.index_select(axis, torch.tensor(positions.ToArray(), device: x.device));
        }

        return x;
    }

    private static Tensor Pad(OperatorContext n)
    {
        var x = n[0].alias();
        var rank = (int)x.dim();
        var axes = n.Has(3) ? [.. n.Integers(3).Select(a => GradientContext.Normalize(a, rank))] : Enumerable.Range(0, rank).ToArray();
        var given = n.Integers(1);
        var mode = n.Text("mode", "constant");
        if (mode == "constant")
        {
            var pads = new long[2 * rank];
            for (var i = 0; i < axes.Length; i++)
            {
                pads[2 * (rank - 1 - axes[i])] = given[i];
                pads[(2 * (rank - 1 - axes[i])) + 1] = given[axes.Length + i];
            }

            return functional.pad(x, pads, value: n.Has(2) ? n.Numbers(2)[0] : 0);
        }

        for (var i = 0; i < axes.Length; i++)
        {
            var (before, after, size) = (given[i], given[axes.Length + i], x.shape[axes[i]]);
            if (before == 0 && after == 0) continue;
            var sources = new long[before + size + after];
            for (var p = 0; p < sources.Length; p++) sources[p] = IndexingRules.Source(p - before, size, mode);
            x = x.index_select(axes[i], torch.tensor(sources, device: x.device));
        }

        return x;
    }

    private static Tensor Trilu(OperatorContext n)
    {
        var diagonal = n.Has(1) ? n.Integers(1)[0] : 0;
        return n.Int("upper", 1) != 0 ? n[0].triu(diagonal) : n[0].tril(diagonal);
    }

    private static Tensor CumSum(OperatorContext n)
    {
        var axis = GradientContext.Normalize(n.Integers(1)[0], n.Rank(0));
        var reverse = n.Int("reverse", 0) != 0;
        var x = reverse ? n[0].flip(axis) : n[0];
        var sum = x.cumsum(axis);
        if (n.Int("exclusive", 0) != 0) sum -= x;
        return reverse ? sum.flip(axis) : sum;
    }

    private static Tensor[] TopK(OperatorContext n)
    {
        var (values, indices) = n[0].topk((int)n.Integers(1)[0], n.Axis(-1), n.Int("largest", 1) != 0, n.Int("sorted", 1) != 0);
        return [values, indices];
    }

    private static Tensor OneHot(OperatorContext n)
    {
        var depth = n.Integers(1)[0];
        var index = Positions(n[0], depth);
        var axis = n.Int("axis", -1);
        var rank = (int)index.dim() + 1;
        var shape = Enumerable.Repeat(1L, rank).ToArray();
        var at = GradientContext.Normalize(axis, rank);
        shape[at] = depth;
        var chosen = index.unsqueeze(at).eq(torch.arange(depth, device: index.device).reshape(shape));
        return torch.where(chosen, n[2].select(0, 1), n[2].select(0, 0));
    }
}
