namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>torchvision's VGG networks with batch-norm (<c>torchvision.models.vgg19_bn</c>): 3×3 convolutions in five stages, three linear layers.</summary>
internal static class Vgg
{
    public static NetworkDefinition BatchNorm(params int[] depths) => (net, x, classes) =>
    {
        var module = 0;
        for (var stage = 0; stage < depths.Length; stage++)
        {
            for (var i = 0; i < depths[stage]; i++)
            {
                x = net.Conv(x, $"features.{module}", Math.Min(64 << stage, 512), 3, padding: 1);
                x = net.Relu(net.BatchNorm(x, $"features.{module + 1}"));
                module += 3;
            }

            x = net.MaxPool(x, 2, 2);
            module++;
        }

        x = net.Flatten(net.AdaptiveAveragePool(x, 7, 7));
        x = net.Dropout(net.Relu(net.Linear(x, "classifier.0", 4096)), 0.5f);
        x = net.Dropout(net.Relu(net.Linear(x, "classifier.3", 4096)), 0.5f);
        return net.Linear(x, "classifier.6", classes);
    };
}
