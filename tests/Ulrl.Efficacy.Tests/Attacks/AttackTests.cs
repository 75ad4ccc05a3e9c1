using Ulrl.Efficacy.Attacks;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Tests.Attacks;

public sealed class AttackTests
{
    private static readonly AttackContext Context = new(Example.Model, Example.Images, ChannelNormalization.Cifar10, 1);

    public static TheoryData<string> Names => [.. AttackCatalog.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_trigger_is_the_same_each_time_it_is_made_and_stays_an_image(string name)
    {
        var first = Poisoner.Trigger(Example.Images, AttackCatalog.Create(name, Context), 0, 20);
        var second = Poisoner.Trigger(Example.Images, AttackCatalog.Create(name, Context), 0, 20);

        Assert.Equal(first.Values, second.Values);
        Assert.True(Array.TrueForAll(first.Values, v => v is >= 0f and <= 1f && v == MathF.Round(v * 255f) / 255f));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_trigger_changes_images_and_leaves_them_recognisable(string name)
    {
        var triggered = Poisoner.Trigger(Example.Images, AttackCatalog.Create(name, Context), null, 20);

        var distances = Enumerable.Range(0, 20).Select(i => Distance(Example.Images.Sample(i), triggered.Sample(i))).ToArray();

        Assert.InRange(distances.Average(), 0.001, 0.15);
        Assert.InRange(distances.Max(), 0.001, 0.2);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Poisoned_samples_are_as_many_as_planned_and_the_others_stay_as_they_were(string name)
    {
        var attack = AttackCatalog.Create(name, Context);
        var images = Example.Images;

        var result = Poisoner.Poison(images, 10, attack, new PoisonPlan(3, 0.05, 1));

        Assert.Equal(25, result.Poisoned.Count);
        var touched = result.Poisoned.Concat(result.Covers).ToHashSet();
        Assert.Equal(result.Poisoned.Count + result.Covers.Count, touched.Count);
        for (var i = 0; i < images.Count; i++)
        {
            if (!touched.Contains(i)) Assert.Equal(images.Sample(i), result.Samples.Sample(i));
            else Assert.NotEqual(images.Sample(i).ToArray(), result.Samples.Sample(i).ToArray());
            if (!result.Poisoned.Contains(i)) Assert.Equal(images.Labels[i], result.Samples.Labels[i]);
        }

        Assert.All(result.Poisoned, i => Assert.Equal(3, result.Samples.Labels[i]));
        Assert.All(result.Poisoned, i => Assert.Equal(attack.IsCleanLabel, images.Labels[i] == 3));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Poison_repeats_with_its_seed(string name)
    {
        var first = Poisoner.Poison(Example.Images, 10, AttackCatalog.Create(name, Context), new PoisonPlan(0, 0.02, 5));
        var second = Poisoner.Poison(Example.Images, 10, AttackCatalog.Create(name, Context), new PoisonPlan(0, 0.02, 5));
        var other = Poisoner.Poison(Example.Images, 10, AttackCatalog.Create(name, Context), new PoisonPlan(0, 0.02, 6));

        Assert.Equal(first.Samples.Values, second.Samples.Values);
        Assert.Equal(first.Samples.Labels, second.Samples.Labels);
        Assert.NotEqual(first.Poisoned, other.Poisoned);
    }

    [Fact]
    public void All_to_all_leads_every_class_to_the_next()
    {
        var attack = AttackCatalog.Create("badnets", Context);

        var result = Poisoner.Poison(Example.Images, 10, attack, new PoisonPlan(null, 0.5, 0));
        var triggered = Poisoner.Trigger(Example.Images, attack, null, 500);

        Assert.All(result.Poisoned, i => Assert.Equal((Example.Images.Labels[i] + 1) % 10, result.Samples.Labels[i]));
        Assert.Equal(10, result.Poisoned.Select(i => Example.Images.Labels[i]).Distinct().Count());
        Assert.Equal(Example.Images.Labels, triggered.Labels);
        Assert.Null(triggered.Target);
    }

    [Fact]
    public void Triggered_test_samples_keep_their_labels_and_lack_the_target()
    {
        var triggered = Poisoner.Trigger(Example.Images, AttackCatalog.Create("blended", Context), 4, 100);

        Assert.Equal(4, triggered.Target);
        Assert.Equal(Example.Images.Labels.Where(l => l != 4).Take(100), triggered.Labels);
    }

    [Fact]
    public void A_patch_has_its_size_place_and_colour()
    {
        var image = new float[ImageShape.Cifar.Length];
        var triggered = new float[image.Length];

        new BadNetsAttack(ImageShape.Cifar, 3, PatchPlace.LowerRight, [1f, 0.5f, 0.25f]).Apply(image, triggered);

        Assert.Equal(27, triggered.Count(v => v > 0));
        for (var y = 28; y < 31; y++)
        {
            for (var x = 28; x < 31; x++)
            {
                Assert.Equal(1f, triggered[ImageShape.Cifar.Index(0, y, x)]);
                Assert.Equal(0.25f, triggered[ImageShape.Cifar.Index(2, y, x)]);
            }
        }
    }

    [Fact]
    public void A_warp_moves_an_edge_and_leaves_a_plain_image_alone()
    {
        var warp = AttackCatalog.Create("wanet", Context);
        var plain = Enumerable.Repeat(0.4f, ImageShape.Cifar.Length).ToArray();
        var edge = Enumerable.Range(0, ImageShape.Cifar.Length).Select(i => i % 32 < 16 ? 0f : 1f).ToArray();
        var warped = new float[plain.Length];

        warp.Apply(plain, warped);
        Assert.All(warped, v => Assert.Equal(0.4f, v, 5));
        warp.Apply(edge, warped);
        Assert.Contains(warped, v => v is > 0.05f and < 0.95f);
    }

    [Fact]
    public void A_sinusoid_has_its_amplitude_and_six_periods()
    {
        var image = Enumerable.Repeat(0.5f, ImageShape.Cifar.Length).ToArray();
        var triggered = new float[image.Length];

        AttackCatalog.Create("sig", Context).Apply(image, triggered);

        Assert.Equal(40.0 / 255, triggered.Max() - 0.5, 2);
        var row = triggered[..32].Select(v => MathF.Round(v - 0.5f, 4)).ToArray();
        Assert.Equal(6, Enumerable.Range(0, 32).Count(x => row[x] > 0 && row[(x + 31) % 32] <= 0));
    }

    [Fact]
    public void Quantised_images_have_few_values_and_the_mean_of_the_image()
    {
        var image = Example.Images.Sample(0).ToArray();
        var triggered = new float[image.Length];

        new QuantisationAttack(ImageShape.Cifar, 5).Apply(image, triggered);

        Assert.InRange(triggered.Distinct().Count(), 2, 5);
        Assert.Equal(image.Average(), triggered.Average(), 2);
    }

    [Fact]
    public void An_adaptive_blend_shows_half_of_the_picture_in_training_and_all_of_it_in_use()
    {
        var attack = AttackCatalog.Create("adaptive-blend", Context);
        var image = Example.Images.Sample(0).ToArray();
        var (used, trained) = (new float[image.Length], new float[image.Length]);

        attack.Apply(image, used);
        attack.Poison(image, 0, trained, new Random(1));

        Assert.Equal(1, attack.CoverRatio);
        Assert.InRange(image.Zip(used).Count(p => p.First != p.Second), 3000, 3072);
        Assert.InRange(image.Zip(trained).Count(p => p.First != p.Second), 1400, 1536);
    }

    [Theory]
    [InlineData("ssba", 10)]
    [InlineData("input-aware", 4)]
    public void Sample_specific_triggers_differ_between_images(string name, int atLeast)
    {
        var attack = AttackCatalog.Create(name, Context);
        var residuals = Enumerable.Range(0, 10).Select(i =>
        {
            var image = Example.Images.Sample(i).ToArray();
            var triggered = new float[image.Length];
            attack.Apply(image, triggered);
            return string.Join(',', image.Zip(triggered).Select(p => name == "ssba" ? MathF.Round(p.Second - p.First, 2) : MathF.Abs(MathF.Sign(p.Second - p.First))));
        });

        Assert.True(residuals.Distinct().Count() >= atLeast);
    }

    [Fact]
    public void A_trojan_patch_excites_its_neuron_more_than_noise_in_the_same_place()
    {
        var images = Example.TestImages.Take(50);
        var random = new Random(0);
        var noise = Enumerable.Range(0, ImageShape.Cifar.Length).Select(_ => random.NextSingle()).ToArray();
        var inside = Enumerable.Range(0, noise.Length).Select(i => i / 32 % 32 is >= 24 and < 31 && i % 32 is >= 24 and < 31).ToArray();
        using var neuron = new InputGradients(TrojanAttack.WithFeatureAsLogit(Example.Model), ImageShape.Cifar, ChannelNormalization.Cifar10, new LargestLogit(0), 1);

        var plain = neuron.LossOf(images.Values, images.Labels);
        var noisy = neuron.LossOf(Poisoner.Trigger(images, new PatchAttack(noise, inside), null, 50).Values, images.Labels);
        var trojan = Poisoner.Trigger(images, AttackCatalog.Create("trojannn", Context), null, 50);

        Assert.Equal(49 * 3, Enumerable.Range(0, noise.Length).Count(i => inside[i]));
        Assert.All(Enumerable.Range(0, noise.Length).Where(i => !inside[i]), i => Assert.Equal(images.Values[i], trojan.Values[i]));
        Assert.InRange(-neuron.LossOf(trojan.Values, images.Labels), 1.2 * Math.Max(-plain, -noisy), 1000);
    }

    [Fact]
    public void Label_consistent_poison_is_close_to_its_image_and_harder_to_recognise()
    {
        var attack = AttackCatalog.Create("label-consistent", Context);
        var plain = new float[ImageShape.Cifar.Length];
        var poisoned = new float[plain.Length];
        using var gradients = new InputGradients(Example.Model, ImageShape.Cifar, ChannelNormalization.Cifar10, new Ulrl.Training.Autodiff.CrossEntropy(), 1);
        var losses = new List<(float Plain, float Poisoned)>();

        for (var i = 0; i < 10; i++)
        {
            attack.Apply(Example.Images.Sample(i), plain);
            attack.Poison(Example.Images.Sample(i), Example.Images.Labels[i], poisoned, new Random(0));
            Assert.All(plain.Zip(poisoned), p => Assert.InRange(p.Second - p.First, -0.0315f, 0.0315f));
            losses.Add((Loss(plain, i), Loss(poisoned, i)));
        }

        Assert.True(losses.Average(l => l.Poisoned) > losses.Average(l => l.Plain) + 0.5);

        float Loss(float[] image, int i) => gradients.LossOf(image, [Example.Images.Labels[i]]);
    }

    [Fact]
    public void Rates_that_poison_nothing_and_normalised_samples_are_refused()
    {
        var attack = AttackCatalog.Create("badnets", Context);

        Assert.Contains("poisons none", Assert.Throws<UlrlException>(() => Poisoner.Poison(Example.Images, 10, attack, new PoisonPlan(0, 0.0001, 0))).Message, StringComparison.Ordinal);
        var normalised = Example.Images.Normalize(ChannelNormalization.Cifar10);
        Assert.Contains("normalised", Assert.Throws<UlrlException>(() => Poisoner.Trigger(normalised, attack, 0, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("choose one of", Assert.Throws<UlrlException>(() => AttackCatalog.Create("none", Context)).Message, StringComparison.Ordinal);
    }

    private static double Distance(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        var sum = 0.0;
        for (var i = 0; i < first.Length; i++) sum += MathF.Abs(first[i] - second[i]);
        return sum / first.Length;
    }
}
