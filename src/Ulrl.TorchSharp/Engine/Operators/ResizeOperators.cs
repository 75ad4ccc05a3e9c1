using TorchSharp;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Autodiff.Rules;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Interpolation, axis by axis.</summary>
internal static class ResizeOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Resize", Resize);
        table.Limit("Resize", Interpolation.Problem);
    }

    private static Tensor Resize(OperatorContext n)
    {
        var x = n[0].alias();
        var shape = x.shape;
        var scales = Interpolation.Scales(n.Node, n.Has(2) ? n.Numbers(2) : [], () => n.Integers(3), shape.Length, axis => shape[axis]);
        var sizes = scales is null ? Sizes(n, shape) : [.. shape.Select((size, axis) => Scaled(n, size, scales[axis]))];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var (inputs, outputs) = (shape[axis], sizes[axis]);
            if (inputs == outputs && (scales is null || scales[axis] == 1)) continue;
            var scale = scales?[axis] ?? (double)outputs / inputs;
            var taken = Enumerable.Range(0, (int)outputs).Select(o => Interpolation.At(n.Node, o, inputs, outputs, scale)).ToArray();
            Tensor Select(Func<(long Low, long High, float Weight), long> which) =>
                x.index_select(axis, torch.tensor(Array.ConvertAll(taken, t => which(t)), device: x.device));
            if (taken.All(t => t.Weight == 0f))
            {
                x = Select(t => t.Low);
                continue;
            }

            long[] along = [outputs, .. Window.Ones(shape.Length - 1 - axis)];
            var weight = torch.tensor(Array.ConvertAll(taken, t => t.Weight), along, device: x.device);
            x = Select(t => t.Low).lerp(Select(t => t.High), weight);
        }

        return x;
    }

    // Sizes keep an aspect ratio by rounding, given scales by cutting off.
    private static long Scaled(OperatorContext n, long size, double scale) =>
        n.Has(2) ? (long)((float)scale * size) : (long)Math.Floor(((float)scale * size) + 0.5f);

    private static long[] Sizes(OperatorContext n, long[] shape)
    {
        var given = n.Integers(3);
        if (n.Ints("axes") is not { } axes) return given;
        long[] sizes = [.. shape];
        for (var i = 0; i < axes.Length; i++) sizes[GradientContext.Normalize(axes[i], shape.Length)] = given[i];
        return sizes;
    }
}
