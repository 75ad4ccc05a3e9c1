using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Autodiff.Rules;

/// <summary>The linear map of a Resize node along one axis: which inputs an output takes, and how much of each.</summary>
internal static class Interpolation
{
    private static readonly string[] CoordinateModes = ["asymmetric", "align_corners", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"];
    private static readonly string[] NearestModes = ["floor", "ceil", "round_prefer_ceil", "round_prefer_floor"];

    /// <summary>What of the node is not covered; null where all is.</summary>
    public static string? Problem(NodeProto node)
    {
        var mode = node.Text("mode", "nearest");
        if (mode is not ("nearest" or "linear")) return $"mode '{mode}' is not supported, nearest and linear are";
        if (node.Int("antialias", 0) != 0) return "antialias is not supported";
        var coordinates = CoordinateMode(node);
        if (!CoordinateModes.Contains(coordinates)) return $"coordinate_transformation_mode '{coordinates}' is not supported";
        var nearest = NearestMode(node);
        return NearestModes.Contains(nearest) ? null : $"nearest_mode '{nearest}' is not supported";
    }

    /// <summary>The scales where they are given or follow from an aspect ratio to be kept; null where each axis has its own.</summary>
    /// <param name="node">The node.</param>
    /// <param name="scales">The input of scales; empty for none.</param>
    /// <param name="sizes">The input of sizes, read where there are no scales and it matters.</param>
    /// <param name="rank">Dimensions of the resized tensor.</param>
    /// <param name="size">Size of one of them.</param>
    public static double[]? Scales(NodeProto node, double[] scales, Func<long[]> sizes, int rank, Func<int, long> size)
    {
        if (scales.Length > 0) return Full(node, scales, rank);
        var policy = node.Text("keep_aspect_ratio_policy", "stretch");
        if (policy == "stretch") return null;
        var wanted = sizes();
        var axes = node.Ints("axes") ?? [.. Enumerable.Range(0, rank).Select(i => (long)i)];
        var ratios = wanted.Select((s, i) => (float)s / size(GradientContext.Normalize(axes[i], rank)));
        var kept = new double[wanted.Length];
        Array.Fill(kept, policy == "not_larger" ? ratios.Min() : ratios.Max());
        return Full(node, kept, rank);
    }

    /// <summary>The two inputs that an output lies between, and the share of the upper one. Nearest neighbours are one input twice.</summary>
    public static (long Low, long High, float Weight) At(NodeProto node, long output, long inputs, long outputs, double scale)
    {
        var at = Coordinate(CoordinateMode(node), output, inputs, outputs, scale);
        if (node.Text("mode", "nearest") == "nearest")
        {
            var nearest = Math.Clamp(Nearest(NearestMode(node), at), 0, inputs - 1);
            return (nearest, nearest, 0f);
        }

        at = Math.Clamp(at, 0, inputs - 1);
        var low = (long)Math.Floor(at);
        return (low, Math.Min(low + 1, inputs - 1), (float)(at - low));
    }

    private static string CoordinateMode(NodeProto node) => node.Text("coordinate_transformation_mode", "half_pixel");

    private static string NearestMode(NodeProto node) => node.Text("nearest_mode", "round_prefer_floor");

    private static double[] Full(NodeProto node, double[] scales, int rank)
    {
        if (node.Ints("axes") is not { } axes) return scales;
        var full = new double[rank];
        Array.Fill(full, 1);
        for (var i = 0; i < axes.Length; i++) full[GradientContext.Normalize(axes[i], rank)] = scales[i];
        return full;
    }

    // The runtime computes coordinates in single precision; rounding must fall the same way.
    private static double Coordinate(string mode, long output, long inputs, long outputs, double scale) => mode switch
    {
        "asymmetric" => (float)output / (float)scale,
        "align_corners" => outputs == 1 ? 0 : (float)output * (inputs - 1) / (outputs - 1),
        "pytorch_half_pixel" => outputs > 1 ? ((output + 0.5f) / (float)scale) - 0.5f : 0,
        "half_pixel_symmetric" => Symmetric(output, inputs, outputs, scale),
        _ => ((output + 0.5f) / (float)scale) - 0.5f,
    };

    private static double Symmetric(long output, long inputs, long outputs, double scale)
    {
        var adjustment = outputs / (scale * inputs);
        var offset = inputs / 2.0 * (1 - adjustment);
        return offset + ((output + 0.5) / scale) - 0.5;
    }

    private static long Nearest(string mode, double at) => mode switch
    {
        "floor" => (long)Math.Floor(at),
        "ceil" => (long)Math.Ceiling(at),
        "round_prefer_ceil" => (long)Math.Floor(at + 0.5),
        _ => (long)Math.Ceiling(at - 0.5),
    };
}
