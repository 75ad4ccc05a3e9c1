using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>
/// Descent in fewer and fewer frequencies of a cosine transform, in which the gradient's higher ones count less, as in natural images. Few perturbations of this
/// kind lead natural images to another class, so that one that does stands out.
/// </summary>
internal sealed class SpectralDescent : SharedPerturbationDescent
{
    // The frequency, in half periods per image, of half weight.
    private const double HalfOfPicture = 2;
    private const double HalfOfField = 3;

    private readonly CosineTransform transform;
    private readonly float[] coefficients;

    // Factors of the gradient's coefficients; 0 for the frequencies that are out.
    private readonly float[] factors;
    private int size;

    /// <inheritdoc cref="SharedPerturbationDescent.Begin"/>
    public SpectralDescent(PerturbationKind kind, PerturbationGoal goal, LabeledSamples clean, int classes, Random random)
        : base(kind, Planes(kind, clean) * clean.SampleShape[1] * clean.SampleShape[2], goal, clean, classes, random)
    {
        transform = new CosineTransform(clean.SampleShape[1], clean.SampleShape[2]);
        coefficients = new float[Planes(kind, clean) * transform.Count];
        factors = kind == PerturbationKind.Warp
            ? Factors(transform, frequency => 1 / (1 + Math.Pow(frequency / HalfOfField, 2)))
            : Factors(transform, frequency => 1 / (1 + (frequency / HalfOfPicture)));
        size = transform.Count;
    }

    /// <inheritdoc/>
    public override int Size => size;

    /// <inheritdoc/>
    public override void Keep(double share)
    {
        transform.Forward(Values, coefficients);
        var energies = new float[factors.Length];
        Energies(coefficients, energies);
        var largest = Largest(energies, share);
        for (var i = 0; i < coefficients.Length; i++)
        {
            if (largest.Contains(i % factors.Length)) continue;
            factors[i % factors.Length] = 0f;
            coefficients[i] = 0f;
        }

        size = largest.Count;
        transform.Inverse(coefficients, Values);
    }

    /// <inheritdoc/>
    protected override void Restrict(float[] gradient)
    {
        transform.Forward(gradient, coefficients);
        Multiply(coefficients, factors);
        transform.Inverse(coefficients, gradient);
    }

    private static int Planes(PerturbationKind kind, LabeledSamples clean) => kind == PerturbationKind.Warp ? 2 : clean.SampleShape[0];

    // The step is that of coefficients which count by their weight, so the weight enters twice.
    private static float[] Factors(CosineTransform transform, Func<double, double> weight)
    {
        var factors = new float[transform.Count];
        for (var i = 0; i < factors.Length; i++) factors[i] = (float)Math.Pow(weight(double.Hypot(i / transform.Columns, i % transform.Columns)), 2);
        return factors;
    }
}
