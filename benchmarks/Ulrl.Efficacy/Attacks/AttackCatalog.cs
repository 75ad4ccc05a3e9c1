using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Attacks;

/// <summary>The attacks by name, each with the settings that the campaign uses.</summary>
internal static class AttackCatalog
{
    // What a trigger looks like is part of the attack and no matter of a run's seed.
    private const int TriggerSeed = 1;
    private const int TriggerStream = 43;

    private static readonly float[] White = [1f, 1f, 1f];

    private static readonly Dictionary<string, Func<AttackContext, IAttack>> Attacks = new(StringComparer.Ordinal)
    {
        ["badnets"] = _ => new BadNetsAttack(ImageShape.Cifar, 3, PatchPlace.LowerRight, White),
        ["badnets-corner"] = _ => new BadNetsAttack(ImageShape.Cifar, 4, PatchPlace.UpperLeft, [1f, 0.9f, 0f], checkerboard: true),
        ["badnets-centre"] = _ => new BadNetsAttack(ImageShape.Cifar, 2, PatchPlace.Centre, [1f, 0f, 0f]),
        ["blended"] = _ => new BlendedAttack(Picture.Draw(ImageShape.Cifar, Random()), 0.2f),
        ["sig"] = _ => AdditiveAttack.Sinusoid(ImageShape.Cifar),
        ["wanet"] = _ => new WarpAttack(ImageShape.Cifar, Random(), strength: 2f, coverRatio: 1),
        ["low-frequency"] = _ => AdditiveAttack.LowFrequency(ImageShape.Cifar, Random()),
        ["bpp"] = _ => new QuantisationAttack(ImageShape.Cifar, levels: 5),
        ["adaptive-blend"] = _ => new AdaptiveBlendAttack(ImageShape.Cifar, Picture.Draw(ImageShape.Cifar, Random())),
        ["input-aware"] = _ => new InputAwareAttack(ImageShape.Cifar, Random()),
        ["label-consistent"] = context => new LabelConsistentAttack(context),
        ["trojannn"] = TrojanAttack.Against,
        ["ssba"] = _ => new SampleSpecificAttack(ImageShape.Cifar, Random()),
    };

    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => Attacks.Keys;

    /// <summary>Makes an attack.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="context">What attacks need that are made against a network.</param>
    /// <exception cref="UlrlException">There is no such attack.</exception>
    public static IAttack Create(string name, AttackContext context) => Attacks.TryGetValue(name, out var create)
        ? create(context)
        : throw new UlrlException($"there is no attack '{name}'; choose one of {string.Join(", ", Names)}.");

    private static Random Random() => RandomStream.Create(TriggerSeed, TriggerStream, 0);
}
