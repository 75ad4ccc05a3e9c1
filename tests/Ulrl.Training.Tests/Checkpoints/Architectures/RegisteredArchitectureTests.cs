using Ulrl.Training.Autodiff;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Tests.Checkpoints.Architectures;

public class RegisteredArchitectureTests
{
    [Fact]
    public void A_network_of_ones_own_is_built_by_its_name_and_trains()
    {
        Architecture.Register(
            "lenet_test",
            (net, x, classes) =>
            {
                x = net.MaxPool(net.Relu(net.Conv(x, "conv1", 6, 5, padding: 2)), 2, 2);
                x = net.AveragePool(net.Relu(net.Conv(x, "conv2", 16, 5)), 2, 2);
                return net.Linear(net.Dropout(net.Relu(net.Linear(net.Flatten(x), "fc1", 84)), 0.5f), "fc2", classes);
            },
            [1, 28, 28]);

        var architecture = Architecture.Create("lenet_test", 10);
        var model = architecture.Build(new GeneratedStateDict(architecture.Parameters, 1));
        var samples = GeneratedStateDict.Generate("input", [3, 1, 28, 28], 1);
        var result = GradientCalculator.Compute(model, samples, architecture.InputShape, [1, 2, 3], NetworkMode.Train);

        Assert.Contains("lenet_test", Architecture.Names);
        Assert.Equal([1, 28, 28], architecture.InputShape);
        Assert.Equal([84, 400], architecture.Parameters.Single(p => p.Name == "fc1.weight").Shape);
        Assert.Equal(8, result.Gradients.Count);
        Assert.All(result.Gradients.Values, g => Assert.Contains(g.Values, v => v != 0));
    }

    [Fact]
    public void A_definition_that_does_not_end_in_one_number_per_class_is_refused()
    {
        Architecture.Register("headless_test", (net, x, _) => net.Flatten(net.Conv(x, "conv1", 2, 3)));

        var error = Assert.Throws<ArchitectureException>(() => Architecture.Create("headless_test", 10));

        Assert.Contains("its logits are of shape [1800] instead of [10]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_used_for_two_shapes_is_refused()
    {
        Architecture.Register("twice_test", (net, x, classes) => net.Linear(net.Flatten(net.Conv(net.Conv(x, "a", 4, 3), "a", 8, 3)), "b", classes));

        var error = Assert.Throws<ArchitectureException>(() => Architecture.Create("twice_test", 10));

        Assert.Contains("'a.weight' is used as [4,3,3,3] and as [8,4,3,3]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sum_of_different_shapes_is_refused()
    {
        Architecture.Register("sum_test", (net, x, classes) => net.Linear(net.Flatten(net.Add(net.Conv(x, "a", 4, 3), x)), "b", classes));

        var error = Assert.Throws<ArchitectureException>(() => Architecture.Create("sum_test", 10));

        Assert.Contains("[4,30,30] and [3,32,32] of a sum do not fit together", error.Message, StringComparison.Ordinal);
    }
}
