namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Activation functions and softmax.</summary>
internal static class ActivationRules
{
    private static readonly float InvSqrt2 = 1f / MathF.Sqrt(2f);
    private static readonly float InvSqrt2Pi = 1f / MathF.Sqrt(2f * MathF.PI);
    private static readonly float Sqrt2ByPi = MathF.Sqrt(2f / MathF.PI);

    public static void Register(GradientRules rules)
    {
        rules.Add("Relu", g => g.Dy * IsPositiveRelu(g));
        rules.Add("LeakyRelu", g => Piecewise(g, g.Float("alpha", 0.01f)));
        rules.Broadcasting("PRelu", PReluInput, g => g.Dy * g.B.Op("Min", [g[0], g.B.Scalar(0f)]));
        rules.Add("ThresholdedRelu", g => g.Dy * g.Mask("Greater", g[0], g.B.Scalar(g.Float("alpha", 1f))));
        rules.Add("Elu", g => Negative(g, g.Y + g.Float("alpha", 1f), 1f));
        rules.Add("Selu", g => Negative(g, g.Y + (g.Float("alpha", 1.67326319217681884765625f) * g.Float("gamma", 1.05070102214813232421875f)), g.Float("gamma", 1.05070102214813232421875f)));
        rules.Add("Celu", g => Negative(g, (g.Y / g.Float("alpha", 1f)) + 1f, 1f));
        rules.Add("Clip", Clip);
        rules.Add("Sigmoid", g => g.Dy * g.Y * (1f - g.Y));
        rules.Add("HardSigmoid", g => g.Dy * (g.Float("alpha", 0.2f) * Inside(g, g.Y, 0f, 1f)));
        rules.Add("HardSwish", HardSwish);
        rules.Add("Tanh", g => g.Dy * (1f - (g.Y * g.Y)));
        rules.Add("Softplus", g => g.Dy * g.B.Op("Sigmoid", [g[0]]));
        rules.Add("Softsign", g => Softsign(g));
        rules.Add("Gelu", g => g.Dy * (g.Text("approximate", "none") == "tanh" ? GeluTanh(g, g[0]) : GeluExact(g, g[0])));
        rules.Add("Mish", Mish);
        rules.Add("Softmax", Softmax);
        rules.Add("LogSoftmax", g => g.Dy - (g.B.Op("Exp", [g.Y]) * g.Sum(g.Dy, true, g.Axis(-1))));
    }

    private static Value Where(GradientContext g, Value condition, Value yes, Value no) => g.B.Op("Where", [condition, yes, no]);

    private static Value IsPositive(GradientContext g, Value x) => g.B.Op("Greater", [x, g.B.Scalar(0f)]);

    // 1 where the output is positive. min(1, y · largest number) is one pass over memory where a comparison and a cast are two.
    private static Value IsPositiveRelu(GradientContext g) => g.Portable
        ? g.Mask("Greater", g.Y, g.B.Scalar(0f))
        : g.B.Op("HardSigmoid", [g.Y], ("alpha", 3e38f), ("beta", 0f));

    private static Value Piecewise(GradientContext g, float slope) => Where(g, IsPositive(g, g[0]), g.Dy, g.Dy * slope);

    private static Value PReluInput(GradientContext g) => Where(g, IsPositive(g, g[0]), g.Dy, g.Dy * g[1]);

    // Slope on the negative side from a formula, a constant one on the positive side.
    private static Value Negative(GradientContext g, Value slope, float positive) =>
        g.Dy * Where(g, IsPositive(g, g[0]), g.B.Scalar(positive), slope);

    private static Value Inside(GradientContext g, Value x, float low, float high) =>
        g.Cast(g.B.Op("And", [g.B.Op("Greater", [x, g.B.Scalar(low)]), g.B.Op("Less", [x, g.B.Scalar(high)])]));

    // Zero on the bounds, as torch.nn.ReLU6 and Hardtanh have it, which exporters write as Clip.
    private static Value Clip(GradientContext g)
    {
        var gradient = g.Dy;
        if (g[1].IsPresent) gradient *= g.Mask("Greater", g[0], g[1]);
        if (g[2].IsPresent) gradient *= g.Mask("Less", g[0], g[2]);
        return gradient;
    }

    // x·clip(x/6 + 1/2, 0, 1)
    private static Value HardSwish(GradientContext g)
    {
        var gate = g.B.Op("HardSigmoid", [g[0]], ("alpha", 1f / 6f), ("beta", 0.5f));
        var inner = g[0] / 6f * Inside(g, g[0], -3f, 3f);
        return g.Dy * (gate + inner);
    }

    private static Value Softsign(GradientContext g)
    {
        var d = g.B.Op("Abs", [g[0]]) + 1f;
        return g.Dy / (d * d);
    }

    private static Value GeluExact(GradientContext g, Value x)
    {
        var cdf = (g.B.Op("Erf", [x * InvSqrt2]) + 1f) * 0.5f;
        return cdf + (x * g.B.Op("Exp", [x * x * -0.5f]) * InvSqrt2Pi);
    }

    private static Value GeluTanh(GradientContext g, Value x)
    {
        var x2 = x * x;
        var t = g.B.Op("Tanh", [x * ((x2 * 0.044715f) + 1f) * Sqrt2ByPi]);
        var slope = ((x2 * (3f * 0.044715f)) + 1f) * Sqrt2ByPi;
        return (0.5f * (t + 1f)) + (0.5f * x * (1f - (t * t)) * slope);
    }

    // x·tanh(softplus(x))
    private static Value Mish(GradientContext g)
    {
        var t = g.B.Op("Tanh", [g.B.Op("Softplus", [g[0]])]);
        return g.Dy * (t + (g[0] * (1f - (t * t)) * g.B.Op("Sigmoid", [g[0]])));
    }

    private static Value Softmax(GradientContext g)
    {
        var weighted = g.Dy * g.Y;
        return weighted - (g.Y * g.Sum(weighted, true, g.Axis(-1)));
    }
}
