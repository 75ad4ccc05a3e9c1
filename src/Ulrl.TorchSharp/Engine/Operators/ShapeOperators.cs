using TorchSharp;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx.Proto;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Operators that make, read or change shapes without computing.</summary>
internal static class ShapeOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Shape", Shape);
        table.Add("Size", n => torch.tensor(n[0].numel()));
        table.Add("Reshape", Reshape);
        table.Add("Flatten", Flatten);
        table.Add("Squeeze", Squeeze);
        table.Add("Unsqueeze", Unsqueeze);
        table.Add("Transpose", n => n[0].permute(n.Ints("perm") ?? [.. Enumerable.Range(0, n.Rank(0)).Select(i => (long)i).Reverse()]));
        table.Add("Concat", n => torch.cat(n.All, n.Int("axis", 0)));
        table.AddNode("Split", Split);
        table.Add("Expand", Expand);
        table.Add("Tile", n => n[0].repeat(n.Integers(1)));
        table.Add("DepthToSpace", DepthToSpace);
        table.Add("SpaceToDepth", SpaceToDepth);
        table.Add("ConstantOfShape", ConstantOfShape);
        table.Add("Range", n => torch.arange(n.Numbers(0)[0], n.Numbers(1)[0], n.Numbers(2)[0], n[0].dtype));
        table.Add("EyeLike", EyeLike);
        table.Limit("EyeLike", node => TensorConversion.IsSupported((DataType)node.Int("dtype", 1)) ? null : "its type is not one that libtorch computes with");
        table.Limit("ConstantOfShape", node => node.Find("value") is not { } value || TensorConversion.IsSupported((DataType)value.T.DataType) ? null : "its type is not one that libtorch computes with");
    }

    private static Tensor Shape(OperatorContext n)
    {
        var shape = n[0].shape;
        int At(string name, long otherwise)
        {
            var at = n.Int(name, otherwise);
            return (int)Math.Clamp(at < 0 ? at + shape.Length : at, 0, shape.Length);
        }

        var (start, end) = (At("start", 0), At("end", shape.Length));
        return torch.tensor(start < end ? shape[start..end] : []);
    }

    private static Tensor Reshape(OperatorContext n)
    {
        var (from, to) = (n[0].shape, n.Integers(1));
        if (n.Int("allowzero", 0) == 0)
        {
            for (var i = 0; i < to.Length; i++)
            {
                if (to[i] == 0) to[i] = from[i];
            }
        }

        return n[0].reshape(to);
    }

    private static Tensor Flatten(OperatorContext n)
    {
        var shape = n[0].shape;
        var axis = n.Axis(1);
        var before = shape[..axis].Aggregate(1L, (a, b) => a * b);
        return n[0].reshape(before, shape[axis..].Aggregate(1L, (a, b) => a * b));
    }

    private static Tensor Squeeze(OperatorContext n)
    {
        var shape = n[0].shape;
        var axes = n.Has(1)
            ? n.Integers(1).Select(a => GradientContext.Normalize(a, shape.Length)).ToHashSet()
            : Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1).ToHashSet();
        return n[0].reshape([.. shape.Where((_, i) => !axes.Contains(i))]);
    }

    private static Tensor Unsqueeze(OperatorContext n)
    {
        var added = n.Integers(1);
        var rank = n.Rank(0) + added.Length;
        return added.Select(a => GradientContext.Normalize(a, rank)).Order().Aggregate(n[0].alias(), (t, axis) => t.unsqueeze(axis));
    }

    // Without sizes the parts are equal, the last one smaller.
    private static Tensor[] Split(OperatorContext n)
    {
        var axis = n.Axis(0);
        if (n.Has(1)) return n[0].split(n.Integers(1), axis);
        var size = n[0].shape[axis];
        var part = (size + n.Outputs - 1) / n.Outputs;
        return n[0].split([.. Enumerable.Range(0, n.Outputs).Select(i => Math.Min(part, size - (i * part)))], axis);
    }

    // Both shapes broadcast: a one in the target keeps the input's size.
    private static Tensor Expand(OperatorContext n)
    {
        var (from, to) = (n[0].shape, n.Integers(1));
        var lead = to.Length - from.Length;
        if (lead < 0) to = [.. Enumerable.Repeat(1L, -lead), .. to];
        return n[0].expand([.. to.Select((size, i) => size == 1 && i >= lead ? from[i - Math.Max(0, lead)] : size)]);
    }

    private static Tensor DepthToSpace(OperatorContext n)
    {
        var block = n.Int("blocksize", 1);
        var (b, c, h, w) = Dims(n[0]);
        var depth = c / (block * block);
        return n.Text("mode", "DCR") == "DCR"
            ? n[0].reshape(b, block, block, depth, h, w).permute(0, 3, 4, 1, 5, 2).reshape(b, depth, h * block, w * block)
            : n[0].reshape(b, depth, block, block, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, depth, h * block, w * block);
    }

    private static Tensor SpaceToDepth(OperatorContext n)
    {
        var block = n.Int("blocksize", 1);
        var (b, c, h, w) = Dims(n[0]);
        return n[0].reshape(b, c, h / block, block, w / block, block).permute(0, 3, 5, 1, 2, 4).reshape(b, c * block * block, h / block, w / block);
    }

    private static (long Batch, long Channels, long Height, long Width) Dims(Tensor x) => (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);

    private static Tensor ConstantOfShape(OperatorContext n)
    {
        var value = n.Node.Find("value") is { } found ? TensorConversion.ToTensor(found.T) : torch.zeros(1);
        return value.reshape(1).expand(n.Integers(0)).contiguous();
    }

    private static Tensor EyeLike(OperatorContext n)
    {
        var (rows, columns, offset) = (n[0].shape[0], n[0].shape[1], n.Int("k", 0));
        var type = n.Node.Find("dtype") is { } given ? TensorConversion.ElementType((DataType)given.I) : n[0].dtype;
        return (torch.arange(rows).unsqueeze(1) + offset).eq(torch.arange(columns)).to(type);
    }
}
