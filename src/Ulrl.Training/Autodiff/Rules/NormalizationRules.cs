namespace Ulrl.Training.Autodiff.Rules;

/// <summary>Normalisation layers.</summary>
internal static class NormalizationRules
{
    public static void Register(GradientRules rules)
    {
        rules.AddNode("BatchNormalization", BatchNormalization);
        rules.AddNode("InstanceNormalization", InstanceNormalization);
        rules.AddNode("LayerNormalization", LayerNormalization);
        rules.AddNode("GroupNormalization", GroupNormalization);
        rules.Add("LRN", LocalResponse);
    }

    private static Value InverseDeviation(GradientContext g, Value variance, float epsilon) =>
        g.B.Op("Reciprocal", [g.B.Op("Sqrt", [variance + epsilon])]);

    // x·scale + bias per channel in one pass over memory.
    private static Value Affine(GradientContext g, Value x, Value scale, Value bias, long channels) =>
        g.B.Op("BatchNormalization", [x, scale, bias, g.B.Filled(0f, channels), g.B.Filled(1f, channels)], ("epsilon", 0f));

    /// <summary>
    /// Train mode: dx = A·dy + B·x + C with per-channel A, B, C. Inference mode: dx = A·dy.
    /// </summary>
    private static Value[] BatchNormalization(GradientContext g)
    {
        var shape = g.Shape(0);
        var channels = shape[1].Size;
        var train = g.BatchStatistics is not null;
        var (mean, variance) = g.BatchStatistics ?? (g[3], g[4]);
        var inverse = InverseDeviation(g, variance, g.Float("epsilon", 1e-5f));
        var results = new Value[g.Inputs];
        var needStatistics = train && g.Needs(0);
        Value dBias = default, dScale = default;
        if (g.Needs(2) || g.Needs(1) || needStatistics) dBias = g.SumPerChannel(g.Dy, shape);
        if (g.Needs(1) || needStatistics) dScale = (g.DotPerChannel(g.Dy, g[0], shape) - (mean * dBias)) * inverse;
        if (g.Needs(0))
        {
            var a = g[1] * inverse;
            if (train)
            {
                var share = a / g.ElementsPerChannel(0);
                var b = -(share * inverse * dScale);
                var c = -((share * dBias) + (b * mean));
                results[0] = Affine(g, g.Dy, a, c, channels) + Affine(g, g[0], b, g.B.Filled(0f, channels), channels);
            }
            else
            {
                results[0] = Affine(g, g.Dy, a, g.B.Filled(0f, channels), channels);
            }
        }

        if (g.Needs(1)) results[1] = dScale;
        if (g.Needs(2)) results[2] = dBias;
        return results;
    }

    // Gradient by x of (x − mean)·inverse where mean and inverse are taken over `axes` of x.
    private static Value Centred(GradientContext g, Value dNormalized, Value normalized, Value inverse, long[] axes)
    {
        var mean = g.B.Op("ReduceMean", [dNormalized, g.B.Ints(axes)], ("keepdims", 1L));
        var along = g.B.Op("ReduceMean", [dNormalized * normalized, g.B.Ints(axes)], ("keepdims", 1L));
        return (dNormalized - mean - (normalized * along)) * inverse;
    }

    private static (Value Normalized, Value Inverse) Normalize(GradientContext g, Value x, float epsilon, long[] axes)
    {
        var centred = x - g.B.Op("ReduceMean", [x, g.B.Ints(axes)], ("keepdims", 1L));
        var variance = g.B.Op("ReduceMean", [centred * centred, g.B.Ints(axes)], ("keepdims", 1L));
        var inverse = InverseDeviation(g, variance, epsilon);
        return (centred * inverse, inverse);
    }

    private static long[] From(int axis, int rank) => [.. Enumerable.Range(axis, rank - axis).Select(i => (long)i)];

    private static Value[] InstanceNormalization(GradientContext g)
    {
        var rank = g.Rank(0);
        var axes = From(2, rank);
        var (normalized, inverse) = Normalize(g, g[0], g.Float("epsilon", 1e-5f), axes);
        var results = new Value[3];
        if (g.Needs(0)) results[0] = Centred(g, g.Dy * g.PerChannel(g[1], rank), normalized, inverse, axes);
        if (g.Needs(1)) results[1] = g.SumPerChannel(g.Dy * normalized, g.Shape(0));
        if (g.Needs(2)) results[2] = g.SumPerChannel(g.Dy, g.Shape(0));
        return results;
    }

    private static Value[] LayerNormalization(GradientContext g)
    {
        var rank = g.Rank(0);
        var axis = g.Axis(-1);
        var axes = From(axis, rank);
        var (normalized, inverse) = Normalize(g, g[0], g.Float("epsilon", 1e-5f), axes);
        var results = new Value[g.Inputs];
        var outer = Enumerable.Range(0, axis).Select(i => (long)i).ToArray();
        if (g.Needs(0)) results[0] = Centred(g, g.Dy * g[1], normalized, inverse, axes);
        if (g.Needs(1)) results[1] = SumTo(g, g.Dy * normalized, g.Shape(1), outer);
        if (g.Needs(2)) results[2] = SumTo(g, g.Dy, g.Shape(2), outer);
        return results;
    }

    // Scale and bias broadcast to the normalised dimensions.
    private static Value SumTo(GradientContext g, Value value, Dim[] to, long[] outer)
    {
        var inner = g.Shape(0)[outer.Length..];
        var lead = inner.Length - to.Length;
        var axes = outer.Concat(Enumerable.Range(0, lead).Select(i => (long)(outer.Length + i))).ToArray();
        value = g.Sum(value, false, axes);
        return g.Sum(value, true, [.. Enumerable.Range(0, to.Length).Where(i => to[i].IsOne && !inner[lead + i].IsOne).Select(i => (long)i)]);
    }

    // Opset 18 scales per group, opset 21 per channel.
    private static Value[] GroupNormalization(GradientContext g)
    {
        var shape = g.Shape(0);
        var groups = g.Int("num_groups", 1);
        var perGroup = g.Opset < 21;
        var channels = shape[1].Size;
        var inner = g.B.Ints(-1, groups, channels / groups * shape[2..].Aggregate(1L, (n, d) => n * d.Size));
        Value Grouped(Value v) => g.B.Op("Reshape", [v, inner]);
        var (normalized, inverse) = Normalize(g, Grouped(g[0]), g.Float("epsilon", 1e-5f), [2]);
        var results = new Value[3];
        if (g.Needs(0))
        {
            var scaled = perGroup
                ? Grouped(g.Dy) * g.B.Op("Reshape", [g[1], g.B.Ints(groups, 1)])
                : Grouped(g.Dy * g.PerChannel(g[1], shape.Length));
            results[0] = g.ReshapeLike(Centred(g, scaled, normalized, inverse, [2]), g[0]);
        }

        Value Parameter(Value v) => perGroup ? g.Sum(Grouped(v), false, 0, 2) : g.SumPerChannel(v, shape);
        if (g.Needs(1)) results[1] = Parameter(g.Dy * g.ReshapeLike(normalized, g[0]));
        if (g.Needs(2)) results[2] = Parameter(g.Dy);
        return results;
    }

    // y = x·s^(−beta), s = bias + alpha/size · Σ x² over neighbouring channels.
    private static Value LocalResponse(GradientContext g)
    {
        var size = g.Int("size", 1);
        var alpha = g.Float("alpha", 1e-4f);
        var beta = g.Float("beta", 0.75f);
        var (before, after) = ((size - 1) / 2, size - 1 - ((size - 1) / 2));
        var s = (ChannelWindow(g, g[0] * g[0], before, after) * (alpha / size)) + g.Float("bias", 1f);
        var power = g.B.Op("Pow", [s, g.B.Scalar(-beta)]);
        var inner = ChannelWindow(g, g.Dy * g.Y / s, after, before);
        return (g.Dy * power) - (g[0] * inner * (2f * alpha * beta / size));
    }

    // Sum over channels c − before … c + after: a 1-D average pool along the channel dimension.
    private static Value ChannelWindow(GradientContext g, Value value, long before, long after)
    {
        var shape = g.Shape(0);
        var channels = shape[1].Size;
        var rows = g.B.Op("Reshape", [value, g.B.Op("Concat", [g.B.Op("Shape", [value], ("start", 0L), ("end", 1L)), g.B.Ints(1, channels, -1)], ("axis", 0L))]);
        var kernel = before + after + 1;
        var pooled = g.B.Op("AveragePool", [rows], ("kernel_shape", new[] { kernel, 1L }), ("pads", new[] { before, 0L, after, 0L }), ("count_include_pad", 1L));
        return g.ReshapeLike(pooled * kernel, g[0]);
    }
}
