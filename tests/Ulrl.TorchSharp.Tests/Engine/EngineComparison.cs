using Ulrl.Training.Runtime;

namespace Ulrl.TorchSharp.Tests.Engine;

/// <summary>Compares what the two engines compute.</summary>
internal static class EngineComparison
{
    private const double Tolerance = 1e-3;

    // Some gradients are zero but for rounding, such as that of a bias before batch-norm.
    private const double Floor = 1e-3;

    /// <summary>Loss, logits and every gradient must agree within 1e-3 of their norm.</summary>
    public static void AssertSame(GradientResult expected, GradientResult found)
    {
        Assert.Equal(expected.Loss, found.Loss, Tolerance * Math.Abs(expected.Loss));
        AssertClose("the logits", expected.Logits, found.Logits, 0);
        Assert.Equal(expected.Gradients.Keys.Order(StringComparer.Ordinal), found.Gradients.Keys.Order(StringComparer.Ordinal));
        var network = expected.Gradients.Values.Max(g => Norm(g.Values));
        foreach (var (name, (shape, values)) in expected.Gradients)
        {
            Assert.Equal(shape, found.Gradients[name].Shape);
            AssertClose($"the gradient by {name}", values, found.Gradients[name].Values, Floor * network);
        }
    }

    /// <summary>Two tensors must agree within 1e-3 of the first one's norm, or of <paramref name="least"/> where that is larger.</summary>
    public static void AssertClose(string what, float[] expected, float[] found, double least)
    {
        Assert.Equal(expected.Length, found.Length);
        var difference = Norm([.. expected.Zip(found, (e, f) => e - f)]);
        var allowed = Tolerance * Math.Max(Norm(expected), least);
        Assert.True(difference <= allowed, $"{what} is off by {difference:E2}, {allowed:E2} is allowed.");
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(v => (double)v * v));
}
