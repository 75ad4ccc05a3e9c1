using Ulrl.Training.Autodiff;
using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>Arithmetic on sizes and other numbers, which happens here and leaves no node; sizes are computed for two batches at once.</summary>
internal static class ScriptNumbers
{
    /// <summary>The operator, where it is one on numbers and is given numbers.</summary>
    public static Func<ScriptArguments, object?>? Find(string function, ScriptArguments a) => function switch
    {
        "torch.size" when a.Count == 2 => v => v.Tensor(0).Dims[Axis(v)],
        "torch.size" => v => v.Tensor(0).Dims.Select(object? (d) => d).ToList(),
        "torch.dim" => v => TorchGraph.Of(v.Tensor(0).Rank),
        "torch.len" when a[0] is IReadOnlyList<object?> list => _ => TorchGraph.Of(list.Count),
        "ops.prim.NumToTensor" or "torch.scalar_tensor" or "torch.detach" or "torch.to" when IsNumber(a[0]) => v => v[0],
        "int" or "torch.Int" or "ops.aten.Int" or "ops.aten.IntImplicit" when a[0] is double real => v => TorchGraph.Of((long)real),
        "int" or "torch.Int" or "ops.aten.Int" or "ops.aten.IntImplicit" when IsNumber(a[0]) => v => v[0],
        "float" or "torch.Float" or "ops.aten.Float" or "ops.aten.FloatImplicit" when IsNumber(a[0]) => v => v.Number(0),
        "bool" when IsNumber(a[0]) => v => v.Is(0),
        "torch.device" => v => v[0],
        "torch.add" => Arithmetic(a, (x, y) => checked(x + y), (x, y) => x + y),
        "torch.sub" => Arithmetic(a, (x, y) => checked(x - y), (x, y) => x - y),
        "torch.rsub" => Arithmetic(a, (x, y) => checked(y - x), (x, y) => y - x),
        "torch.mul" => Arithmetic(a, (x, y) => checked(x * y), (x, y) => x * y),
        "torch.floor_divide" => Arithmetic(a, (x, y) => Floor(a, x, y), (x, y) => Math.Floor(x / y)),
        "torch.remainder" => Arithmetic(a, (x, y) => checked(x - (Floor(a, x, y) * y)), (x, y) => x - (Math.Floor(x / y) * y)),
        "torch.div" when a["rounding_mode"] is "floor" or "trunc" => Arithmetic(a, (x, y) => Floor(a, x, y), (x, y) => Math.Floor(x / y)),
        "torch.div" => Real(a, (x, y) => x / y),
        "torch.pow" => Real(a, Math.Pow),
        "torch.sqrt" when IsNumber(a[0]) => v => Math.Sqrt(v.Number(0)),
        "torch.neg" when a[0] is Dim size => _ => new Dim(-size.First, -size.Second),
        _ => null,
    };

    private static bool IsNumber(object? value) => value is Dim or double or bool;

    private static int Axis(ScriptArguments a)
    {
        var x = a.Tensor(0);
        var axis = x.Axis(a.Int(1));
        return axis >= 0 && axis < x.Rank ? axis : throw a.Run.Error($"a tensor of shape {x} has no dimension {a.Int(1)}");
    }

    private static Func<ScriptArguments, object?>? Arithmetic(ScriptArguments a, Func<long, long, long> whole, Func<double, double, double> real)
    {
        if (!IsNumber(a[0]) || !IsNumber(a[1])) return null;
        return a[0] is Dim x && a[1] is Dim y ? _ => Both(a, x, y, whole) : v => real(v.Number(0), v.Number(1));
    }

    private static Func<ScriptArguments, object?>? Real(ScriptArguments a, Func<double, double, double> real) =>
        IsNumber(a[0]) && IsNumber(a[1]) ? v => real(v.Number(0), v.Number(1)) : null;

    private static Dim Both(ScriptArguments a, Dim x, Dim y, Func<long, long, long> whole)
    {
        try
        {
            return new Dim(whole(x.First, y.First), whole(x.Second, y.Second));
        }
        catch (OverflowException e)
        {
            throw new CheckpointException(a.Run.Error("sizes are computed that no tensor has; the file is damaged").Message, e);
        }
    }

    private static long Floor(ScriptArguments a, long x, long y) =>
        y == 0 || (x == long.MinValue && y == -1) ? throw a.Run.Error("a size is divided by zero; the file is damaged") : (x / y) - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0);
}
