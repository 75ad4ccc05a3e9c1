using Ulrl.Training;
using Ulrl.Training.Checkpoints.Architectures;

namespace Ulrl.Efficacy.Victims;

/// <summary>The networks that are trained: small ones, so that a CPU trains them in minutes.</summary>
internal static class VictimNetwork
{
    public const int Classes = 10;

    private static readonly Dictionary<string, NetworkDefinition> Definitions = new(StringComparer.Ordinal)
    {
        // One block per stage, widths 16, 32, 64, 128: 0.31 million parameters.
        ["preact"] = PreActivationResNet.Basic(16, [1, 1, 1, 1]),
        ["vgg"] = SmallVgg,
    };

    /// <summary>The names <see cref="Create"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => Definitions.Keys;

    /// <summary>A network for images of 3×32×32 and <see cref="Classes"/> classes.</summary>
    /// <exception cref="UlrlException">There is no such network.</exception>
    public static Architecture Create(string name)
    {
        if (!Definitions.TryGetValue(name, out var definition))
            throw new UlrlException($"there is no network '{name}'; choose one of {string.Join(", ", Names)}.");
        Architecture.Register($"efficacy-{name}", definition);
        return Architecture.Create($"efficacy-{name}", Classes);
    }

    // Six convolutions with batch-norm and two linear layers: 0.61 million parameters.
    private static FeatureMap SmallVgg(NetworkBuilder net, FeatureMap x, int classes)
    {
        int[][] stages = [[32], [64], [128, 128], [128, 128]];
        var module = 0;
        foreach (var width in stages.SelectMany(stage => stage.Append(0)))
        {
            if (width == 0)
            {
                x = net.MaxPool(x, 2, 2);
                module++;
                continue;
            }

            x = net.Conv(x, $"features.{module}", width, 3, padding: 1);
            x = net.Relu(net.BatchNorm(x, $"features.{module + 1}"));
            module += 3;
        }

        x = net.Relu(net.Linear(net.Flatten(x), "classifier.0", 128));
        return net.Linear(x, "classifier.2", classes);
    }
}
