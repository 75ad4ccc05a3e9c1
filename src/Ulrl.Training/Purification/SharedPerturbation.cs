namespace Ulrl.Training.Purification;

/// <summary>
/// One perturbation for all samples, a universal adversarial perturbation (Moosavi-Dezfooli et al., arXiv 1610.08401) toward one class, at few positions.
/// </summary>
/// <param name="Values">What is added to a sample as the model reads it, of the sample's length.</param>
/// <param name="Positions">Most positions at which it is not zero; a position of an image is a pixel with all its channels.</param>
/// <param name="Success">Share of a batch that the model sent to the class before the last step of the search that gave it.</param>
internal sealed record SharedPerturbation(float[] Values, int Positions, double Success);
