using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Tests.Checkpoints.Architectures;

public class StateDictBindingTests
{
    private static readonly Architecture PreAct = Architecture.Create("preactresnet18", 10);

    private static Dictionary<string, (long[] Shape, float[] Values)> StateDict(Architecture architecture) =>
        architecture.Parameters.ToDictionary(p => p.Name, p => (p.Shape.ToArray(), new float[p.Shape.Aggregate(1L, (a, b) => a * b)]));

    [Fact]
    public void One_error_names_what_is_missing_unexpected_and_wrongly_shaped()
    {
        var stateDict = StateDict(PreAct);
        stateDict.Remove("layer2.0.bn1.running_var");
        stateDict.Add("layer5.0.conv1.weight", ([1], [0]));
        stateDict["linear.weight"] = ([100, 512], new float[51200]);

        var error = Assert.Throws<ArchitectureException>(() => PreAct.Build(stateDict));

        Assert.Equal(
            "the weights are not those of preactresnet18 with 10 classes for images of 3×32×32: missing 'layer2.0.bn1.running_var'; unexpected 'layer5.0.conv1.weight'; " +
            "wrongly shaped 'linear.weight' is [100,512] instead of [10,512]; give the architecture, the number of classes and the image size that the checkpoint was trained with.",
            error.Message);
    }

    [Fact]
    public void A_long_list_of_missing_entries_is_cut()
    {
        var error = Assert.Throws<ArchitectureException>(() => PreAct.Build(new Dictionary<string, (long[], float[])>()));

        Assert.Contains("'layer1.0.bn1.weight'", error.Message, StringComparison.Ordinal);
        Assert.Contains("and 80 more", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_whose_values_do_not_fill_its_shape_is_refused()
    {
        var stateDict = StateDict(PreAct);
        stateDict["linear.bias"] = ([10], new float[9]);

        var error = Assert.Throws<ArchitectureException>(() => PreAct.Build(stateDict));

        Assert.Contains("'linear.bias' of shape [10] has 9 values", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("module.")]
    public void Initializers_keep_the_names_of_the_state_dict_and_batch_counters_are_left_out(string prefix)
    {
        var stateDict = StateDict(PreAct).ToDictionary(e => prefix + e.Key, e => e.Value);
        var names = stateDict.Keys.ToList();
        stateDict.Add(prefix + "layer1.0.bn1.num_batches_tracked", ([], [7]));

        var model = PreAct.Build(stateDict);

        Assert.Equal(names, model.Initializers.Select(i => i.Name));
    }

    [Fact]
    public void The_model_passes_the_checks_of_a_model_file()
    {
        var model = OnnxModel.Load(PreAct.Build(StateDict(PreAct)).ToBytes());

        Assert.Equal("input", Assert.Single(model.Inputs).Name);
        Assert.Equal("logits", Assert.Single(model.Outputs).Name);
        Assert.Equal(18, model.Opsets[""]);
    }

    [Fact]
    public void A_transformer_of_an_older_torchvision_is_bound_by_its_older_names()
    {
        var architecture = Architecture.Create("vit_b_16", 10);
        var stateDict = StateDict(architecture).ToDictionary(
            e => "1." + e.Key.Replace("mlp.0", "mlp.linear_1", StringComparison.Ordinal).Replace("mlp.3", "mlp.linear_2", StringComparison.Ordinal), e => e.Value);

        var model = architecture.Build(stateDict);

        Assert.Equal(stateDict.Keys, model.Initializers.Select(i => i.Name));
        Assert.Contains(model.Initializers, i => i.Name == "1.encoder.layers.encoder_layer_11.mlp.linear_2.bias");
    }

    [Fact]
    public void An_unknown_architecture_is_refused_with_the_known_ones()
    {
        var error = Assert.Throws<ArchitectureException>(() => Architecture.Create("resnet19", 10));

        Assert.Contains("'resnet19'", error.Message, StringComparison.Ordinal);
        Assert.Contains("preactresnet18, preactresnet34", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("preactresnet18", 1, new[] { 3, 32, 32 }, "1 is no number of classes")]
    [InlineData("preactresnet18", 10, new[] { 3, 32 }, "[3,32] is no shape of an image")]
    [InlineData("preactresnet18", 10, new[] { 3, 32, 5000 }, "[3,32,5000] is no shape of an image")]
    [InlineData("vgg19_bn", 10, new[] { 3, 16, 32 }, "nothing is left of the image at a MaxPool, which reads 2×2 pixels of 1×2")]
    [InlineData("vit_b_16", 10, new[] { 3, 256, 224 }, "larger than the 224×224")]
    public void A_network_that_does_not_fit_its_input_is_refused(string name, int classes, int[] shape, string reason)
    {
        var error = Assert.Throws<ArchitectureException>(() => Architecture.Create(name, classes, shape));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
