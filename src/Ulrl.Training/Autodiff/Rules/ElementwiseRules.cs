namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Arithmetic with numpy broadcasting, and element-wise functions.</summary>
internal static class ElementwiseRules
{
    private static readonly float TwoBySqrtPi = 2f / MathF.Sqrt(MathF.PI);

    public static void Register(GradientRules rules)
    {
        rules.Broadcasting("Add", g => g.Dy, g => g.Dy);
        rules.Broadcasting("Sub", g => g.Dy, g => -g.Dy);
        rules.Broadcasting("Mul", g => g.Dy * g[1], g => g.Dy * g[0]);
        rules.Broadcasting("Div", g => g.Dy / g[1], g => -(g.Dy * g.Y / g[1]));
        rules.Broadcasting("Pow", PowerBase, PowerExponent);
        rules.AddNode("Min", Selected, broadcasts: true);
        rules.AddNode("Max", Selected, broadcasts: true);
        rules.AddNode("Sum", g => [.. Enumerable.Repeat(g.Dy, g.Inputs)], broadcasts: true);
        rules.AddNode("Mean", g => [.. Enumerable.Repeat(g.Dy / g.Inputs, g.Inputs)], broadcasts: true);
        rules.Broadcasting("Where", null, g => g.B.Op("Where", [g[0], g.Dy, g.B.Scalar(0f)]), g => g.B.Op("Where", [g[0], g.B.Scalar(0f), g.Dy]));

        rules.Add("Neg", g => -g.Dy);
        rules.Add("Abs", g => g.Dy * g.B.Op("Sign", [g[0]]));
        rules.Add("Exp", g => g.Dy * g.Y);
        rules.Add("Log", g => g.Dy / g[0]);
        rules.Add("Sqrt", g => 0.5f * (g.Dy / g.Y));
        rules.Add("Reciprocal", g => -(g.Dy * g.Y * g.Y));
        rules.Add("Sin", g => g.Dy * g.B.Op("Cos", [g[0]]));
        rules.Add("Cos", g => -(g.Dy * g.B.Op("Sin", [g[0]])));
        rules.Add("Tan", g => g.Dy * (1f + (g.Y * g.Y)));
        rules.Add("Asin", g => g.Dy / g.B.Op("Sqrt", [1f - (g[0] * g[0])]));
        rules.Add("Acos", g => -(g.Dy / g.B.Op("Sqrt", [1f - (g[0] * g[0])])));
        rules.Add("Atan", g => g.Dy / (1f + (g[0] * g[0])));
        rules.Add("Sinh", g => g.Dy * g.B.Op("Cosh", [g[0]]));
        rules.Add("Cosh", g => g.Dy * g.B.Op("Sinh", [g[0]]));
        rules.Add("Asinh", g => g.Dy / g.B.Op("Sqrt", [(g[0] * g[0]) + 1f]));
        rules.Add("Acosh", g => g.Dy / g.B.Op("Sqrt", [(g[0] * g[0]) - 1f]));
        rules.Add("Atanh", g => g.Dy / (1f - (g[0] * g[0])));
        rules.Add("Erf", g => g.Dy * TwoBySqrtPi * g.B.Op("Exp", [-(g[0] * g[0])]));
        rules.Add("Cast", g => g.B.Op("CastLike", [g.Dy, g[0]]));
        rules.Add("CastLike", g => g.B.Op("CastLike", [g.Dy, g[0]]));
        rules.Add("Identity", g => g.Dy);
        rules.Add("Dropout", Dropout);

        rules.Constant(
            "And", "ArgMax", "ArgMin", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "Ceil", "ConstantOfShape", "Equal", "EyeLike", "Floor", "Greater",
            "GreaterOrEqual", "Hardmax", "IsInf", "IsNaN", "Less", "LessOrEqual", "NonZero", "Not", "OneHot", "Or", "Range", "Round",
            "Shape", "Sign", "Size", "Xor");
    }

    // Off, it passes everything; on, it passes what its mask kept and scales it as the forward pass did.
    private static Value Dropout(GradientContext g)
    {
        if (g.Outputs < 2) return g.Dy;
        var kept = 1f - (g[1].IsPresent ? g[1] : g.B.Scalar(0.5f));
        return g.B.Op("Where", [g.B[g.Node.Output[1]], g.Dy / kept, g.B.Scalar(0f)]);
    }

    // Zero where the exponent is zero, whatever the base.
    private static Value PowerBase(GradientContext g)
    {
        var exponent = g.Cast(g[1]);
        var isZero = g.B.Op("Equal", [exponent, g.B.Scalar(0f)]);
        return g.Dy * exponent * g.B.Op("Pow", [g[0], g.B.Op("Where", [isZero, g.B.Scalar(1f), exponent - 1f])]);
    }

    // Zero where the base is not positive: the logarithm has no value there.
    private static Value PowerExponent(GradientContext g)
    {
        var positive = g.B.Op("Greater", [g[0], g.B.Scalar(0f)]);
        var log = g.B.Op("Log", [g.B.Op("Where", [positive, g[0], g.B.Scalar(1f)])]);
        return g.Dy * g.Y * log;
    }

    // The gradient goes to the inputs that were chosen, shared equally among ties (torch.minimum, torch.maximum).
    private static Value[] Selected(GradientContext g)
    {
        if (g.Inputs == 1) return [g.Dy];
        var chosen = Enumerable.Range(0, g.Inputs).Select(i => g.Mask("Equal", g[i], g.Y)).ToArray();
        var share = g.Dy / chosen.Aggregate((a, b) => a + b);
        return [.. chosen.Select((c, i) => g.Needs(i) ? share * c : default)];
    }
}
