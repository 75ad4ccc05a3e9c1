using Ulrl.Training.Autodiff;

namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// Label-consistent, clean-label: samples of the target class are perturbed adversarially, so that what they show is hard to recognise, and
/// carry a patch in all four corners (Turner et al. 2019, arXiv 1912.02771: projected gradient descent, L∞ 8 of 255 here).
/// </summary>
internal sealed class LabelConsistentAttack : IAttack, IDisposable
{
    private const int Steps = 7;
    private const float Radius = 8f / 255;
    private const float StepSize = 2f / 255;
    private readonly InputGradients gradients;
    private readonly IAttack[] corners;

    /// <param name="context">The network that the perturbation fools.</param>
    public LabelConsistentAttack(AttackContext context)
    {
        gradients = new InputGradients(context.CleanModel, ImageShape.Cifar, context.Normalization, new CrossEntropy(), context.Threads);
        corners =
        [
            .. new[] { PatchPlace.UpperLeft, PatchPlace.UpperRight, PatchPlace.LowerLeft, PatchPlace.LowerRight }
                .Select(place => new BadNetsAttack(ImageShape.Cifar, 3, place, [1f, 1f, 1f], checkerboard: true)),
        ];
    }

    public bool IsCleanLabel => true;

    public void Apply(ReadOnlySpan<float> image, Span<float> triggered)
    {
        image.CopyTo(triggered);
        foreach (var corner in corners)
        {
            var before = triggered.ToArray();
            corner.Apply(before, triggered);
        }
    }

    public void Poison(ReadOnlySpan<float> image, int label, Span<float> poisoned, Random random)
    {
        var perturbed = image.ToArray();
        for (var step = 0; step < Steps; step++)
        {
            var gradient = gradients.Of(perturbed, [label]);
            for (var i = 0; i < perturbed.Length; i++)
            {
                var moved = Math.Clamp(perturbed[i] + (StepSize * MathF.Sign(gradient[i])), image[i] - Radius, image[i] + Radius);
                perturbed[i] = Math.Clamp(moved, 0f, 1f);
            }
        }

        Apply(perturbed, poisoned);
    }

    /// <inheritdoc/>
    public void Dispose() => gradients.Dispose();
}
