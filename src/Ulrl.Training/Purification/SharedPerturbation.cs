namespace Ulrl.Training.Purification;

/// <summary>
/// One perturbation for all samples, a universal adversarial perturbation (Moosavi-Dezfooli et al., arXiv 1610.08401) toward one class.
/// </summary>
/// <param name="Values">What is added to a sample as the model reads it, of the sample's length.</param>
/// <param name="Success">Share of the last batch of the search that the model sent to the class, before the last step.</param>
internal sealed record SharedPerturbation(float[] Values, double Success)
{
    /// <summary>Its L2 norm.</summary>
    public double Norm { get; } = NormOf(Values);

    /// <summary>The L2 norm of a vector.</summary>
    public static double NormOf(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += (double)value * value;
        return Math.Sqrt(sum);
    }
}
