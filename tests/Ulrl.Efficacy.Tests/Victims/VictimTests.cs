using Ulrl.Efficacy.Attacks;
using Ulrl.Efficacy.Victims;
using Ulrl.Training;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Tests.Victims;

public sealed class VictimTests
{
    [Theory]
    [InlineData("preact_badnets_t0_10", "preact", "badnets", 0, 0.1)]
    [InlineData("vgg_low-frequency_all_0.5", "vgg", "low-frequency", null, 0.005)]
    public void Names_say_what_a_model_is(string name, string network, string attack, int? target, double rate)
    {
        var victim = Victim.Parse(name);

        Assert.Equal(network, victim.Network);
        Assert.Equal(attack, victim.Attack);
        Assert.Equal(target, victim.Target);
        Assert.Equal(rate, victim.Rate, 9);
        Assert.Equal(name, victim.Name);
    }

    [Theory]
    [InlineData("preact_badnets_t0")]
    [InlineData("preact_badnets_t10_10")]
    [InlineData("preact_badnets_t0_0")]
    [InlineData("preact_none_t0_10")]
    [InlineData("alexnet_badnets_t0_10")]
    public void Other_names_are_refused(string name) =>
        Assert.Contains("preact_badnets_t0_10", Assert.Throws<UlrlException>(() => Victim.Parse(name)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("preact", 306_000, 314_000)]
    [InlineData("vgg", 600_000, 612_000)]
    public void Networks_are_small_and_their_random_weights_repeat_with_the_seed(string network, int least, int most)
    {
        var first = RandomInitialization.Of(VictimNetwork.Create(network), 3);
        var second = RandomInitialization.Of(VictimNetwork.Create(network), 3);
        var other = RandomInitialization.Of(VictimNetwork.Create(network), 4);

        Assert.InRange(first.Initializers.Sum(i => i.Shape.Aggregate(1L, (a, b) => a * b)), least, most);
        Assert.Equal(first.ToBytes(), second.ToBytes());
        Assert.NotEqual(first.ToBytes(), other.ToBytes());
    }

    [Fact]
    public void A_model_learns_its_samples_and_a_patch()
    {
        using var folder = new ScratchFolder();
        var schedule = new VictimSchedule(1, 250, 3, 0.05f, 0);
        var lines = new List<string>();
        var start = VictimFiles.Model(folder.Path, "preact_none");
        Example.Model.Save(start);

        var workshop = new VictimWorkshop(folder.Path, Example.Images, Example.TestImages, schedule, 0, lines.Add, CancellationToken.None);
        var victim = Victim.Parse("preact_badnets-corner_t2_20");
        var path = workshop.Backdoored(victim);

        Assert.Equal(start, workshop.Clean("preact"));
        Assert.Contains("50 poisoned samples and 0 covers of 250", lines[0], StringComparison.Ordinal);
        var triggered = DataSetReader.Read(VictimFiles.Triggered(folder.Path, victim.Name));
        Assert.Equal(2, triggered.Target);
        Assert.DoesNotContain(2, triggered.Labels);
        var attack = AttackCatalog.Create("badnets-corner", new AttackContext(Example.Model, Example.Images, ChannelNormalization.Cifar10, 0));
        Assert.Equal(Poisoner.Trigger(Example.TestImages, attack, 2, 1000).Values, triggered.Values);

        var before = Ulrl.Efficacy.Campaign.Measures.Of(Example.Model, Example.TestImages.Normalize(ChannelNormalization.Cifar10), triggered.Normalize(ChannelNormalization.Cifar10), 0, CancellationToken.None);
        var after = Ulrl.Efficacy.Campaign.Measures.Of(OnnxModel.Load(path), Example.TestImages.Normalize(ChannelNormalization.Cifar10), triggered.Normalize(ChannelNormalization.Cifar10), 0, CancellationToken.None);
        Assert.InRange(before.AttackSuccess!.Value, 0, 0.1);
        Assert.InRange(after.AttackSuccess!.Value, before.AttackSuccess.Value + 0.02, 1);

        // What is there is not trained again.
        lines.Clear();
        Assert.Equal(path, workshop.Backdoored(victim));
        Assert.Empty(lines);
    }
}
