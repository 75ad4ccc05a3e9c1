using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Victims;

/// <summary>A network with random weights.</summary>
internal static class RandomInitialization
{
    private const int Stream = 31;

    /// <summary>
    /// Convolutions normal with variance 2 / fan-in (He et al. 2015, arXiv 1502.01852; <c>torch.nn.init.kaiming_normal_</c>), linear
    /// layers uniform in ±1/√fan-in (the default of <c>torch.nn.Linear</c>), biases 0, batch-norm the identity.
    /// </summary>
    /// <param name="architecture">The network.</param>
    /// <param name="seed">The same seed gives the same weights.</param>
    public static OnnxModel Of(Architecture architecture, int seed)
    {
        var weights = new Dictionary<string, (long[], float[])>(StringComparer.Ordinal);
        for (var i = 0; i < architecture.Parameters.Count; i++)
        {
            var parameter = architecture.Parameters[i];
            weights[parameter.Name] = ([.. parameter.Shape], Values(parameter, RandomStream.Create(seed, Stream, i)));
        }

        return architecture.Build(weights);
    }

    private static float[] Values(ArchitectureParameter parameter, Random random)
    {
        var values = new float[parameter.Shape.Aggregate(1L, (a, b) => a * b)];
        var fanIn = parameter.Shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        switch (parameter.Shape.Count)
        {
            case 1:
                var one = parameter.Name.EndsWith(".running_var", StringComparison.Ordinal) || parameter.Name.EndsWith(".weight", StringComparison.Ordinal);
                Array.Fill(values, one ? 1f : 0f);
                break;
            case 2:
                var bound = 1 / Math.Sqrt(fanIn);
                for (var i = 0; i < values.Length; i++) values[i] = (float)(((random.NextDouble() * 2) - 1) * bound);
                break;
            default:
                var deviation = Math.Sqrt(2.0 / fanIn);
                for (var i = 0; i < values.Length; i++) values[i] = (float)(Normal.Next(random) * deviation);
                break;
        }

        return values;
    }
}
