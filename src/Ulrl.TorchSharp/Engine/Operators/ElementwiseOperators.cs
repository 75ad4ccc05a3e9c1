using TorchSharp;
using Ulrl.Training;
using Ulrl.Training.Autodiff;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;
using Tensor = TorchSharp.torch.Tensor;

namespace Ulrl.TorchSharp.Engine.Operators;

/// <summary>Arithmetic with numpy broadcasting, comparisons, logic and element-wise functions.</summary>
internal static class ElementwiseOperators
{
    public static void Register(OperatorTable table)
    {
        table.Add("Add", n => n[0] + n[1]);
        table.Add("Sub", n => n[0] - n[1]);
        table.Add("Mul", n => n[0] * n[1]);
        table.Add("Div", n => n[0].is_floating_point() ? n[0] / n[1] : n[0].div(n[1], torch.RoundingMode.trunc));
        table.Add("Mod", n => n.Int("fmod", 0) != 0 ? n[0].fmod(n[1]) : n[0].remainder(n[1]));
        table.Add("Pow", n => n[0].pow(n[1]).to(n[0].dtype));
        table.Add("Min", n => Extreme(n, torch.minimum, torch.amin));
        table.Add("Max", n => Extreme(n, torch.maximum, torch.amax));
        table.Add("Sum", Sum);
        table.Add("Mean", n => Sum(n) / n.Inputs);
        table.Add("Where", n => torch.where(n[0], n[1], n[2]));

        table.Add("Neg", n => -n[0]);
        table.Add("Abs", n => n[0].abs());
        table.Add("Exp", n => n[0].exp());
        table.Add("Log", n => n[0].log());
        table.Add("Sqrt", n => n[0].sqrt());
        table.Add("Reciprocal", n => n[0].reciprocal());
        table.Add("Sin", n => n[0].sin());
        table.Add("Cos", n => n[0].cos());
        table.Add("Tan", n => n[0].tan());
        table.Add("Asin", n => n[0].asin());
        table.Add("Acos", n => n[0].acos());
        table.Add("Atan", n => n[0].atan());
        table.Add("Sinh", n => n[0].sinh());
        table.Add("Cosh", n => n[0].cosh());
        table.Add("Asinh", n => n[0].asinh());
        table.Add("Acosh", n => n[0].acosh());
        table.Add("Atanh", n => n[0].atanh());
        table.Add("Erf", n => n[0].erf());
        table.Add("Ceil", n => n[0].ceil());
        table.Add("Floor", n => n[0].floor());
        table.Add("Round", n => n[0].round());
        table.Add("Sign", n => n[0].sign());
        table.Add("IsNaN", n => n[0].isnan());
        table.Add("IsInf", IsInfinite);
        table.Add("Identity", n => n[0].alias());
        table.Add("Cast", n => n[0].to(TensorConversion.ElementType((DataType)n.Int("to", 1))));
        table.Add("CastLike", n => n[0].to(n[1].dtype));
        table.Limit("Cast", node => TensorConversion.IsSupported((DataType)node.Int("to", 1)) ? null : "it casts to a type that libtorch does not compute with");
        table.Add("Dropout", Dropout);

        table.Add("Equal", n => n[0].eq(n[1]));
        table.Add("Greater", n => n[0].gt(n[1]));
        table.Add("GreaterOrEqual", n => n[0].ge(n[1]));
        table.Add("Less", n => n[0].lt(n[1]));
        table.Add("LessOrEqual", n => n[0].le(n[1]));
        table.Add("And", n => n[0].logical_and(n[1]));
        table.Add("Or", n => n[0].logical_or(n[1]));
        table.Add("Xor", n => n[0].logical_xor(n[1]));
        table.Add("Not", n => n[0].logical_not());
        table.Add("BitwiseAnd", n => n[0].bitwise_and(n[1]));
        table.Add("BitwiseOr", n => n[0].bitwise_or(n[1]));
        table.Add("BitwiseXor", n => n[0].bitwise_xor(n[1]));
        table.Add("BitwiseNot", n => n[0].bitwise_not());
    }

    // Ties share the gradient equally, as they do in amin and amax.
    private static Tensor Extreme(OperatorContext n, Func<Tensor, Tensor, Tensor> ofTwo, Func<Tensor, long[], bool, Tensor?, Tensor> ofMany) => n.Inputs switch
    {
        1 => n[0].alias(),
        2 => ofTwo(n[0], n[1]),
        _ => ofMany(torch.stack(torch.broadcast_tensors(n.All)), [0], false, null),
    };

    private static Tensor Sum(OperatorContext n) => n.Inputs == 1 ? n[0].alias() : n.All.Aggregate((a, b) => a + b);

    private static Tensor IsInfinite(OperatorContext n) => (n.Int("detect_negative", 1) != 0, n.Int("detect_positive", 1) != 0) switch
    {
        (true, true) => n[0].isinf(),
        (true, false) => n[0].isneginf(),
        (false, true) => n[0].isposinf(),
        _ => torch.zeros_like(n[0], torch.ScalarType.Bool),
    };

    // Off unless the network is in train mode with a seed, which TorchProgram marks by the attribute.
    private static Tensor Dropout(OperatorContext n)
    {
        if (n.Node.Find(TorchProgram.DropoutIsOn) is null) return n[0].alias();
        var ratio = n.Has(1) ? n.Numbers(1)[0] : 0.5;
        if (ratio is < 0 or >= 1) throw new InvalidModelException($"its ratio is {ratio}, from 0 to below 1 is expected");
        var kept = torch.full(n[0].shape, 1 - ratio, device: n.Device).bernoulli(n.Random);
        return n[0] * (kept / (1 - ratio));
    }
}
