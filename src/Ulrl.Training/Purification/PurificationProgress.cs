namespace Ulrl.Training.Purification;

/// <summary>One step of a purification, as it is reported while it runs.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="Epoch">Epoch within the phase, from 1; in the search the kind of perturbation (<see cref="PerturbationKind"/>) that is searched, from 1.</param>
/// <param name="Epochs">Most epochs of the phase, or most kinds.</param>
/// <param name="Step">Step within the phase, from 1; in the search within the kind.</param>
/// <param name="Steps">Most steps of the phase, or of the kind; unlearning usually ends earlier.</param>
/// <param name="Loss">What the step minimised: in unlearning the negative cross-entropy of its batch, in relearning cross-entropy with the cosine and distillation terms; not a number in the search, which counts steps only.</param>
/// <param name="Accuracy">Accuracy over the batches of the epoch so far, from 0 to 1.</param>
/// <param name="Remaining">Time to the end of the phase, estimated from its steps so far.</param>
public sealed record PurificationProgress(
    PurificationPhase Phase, int Epoch, int Epochs, int Step, int Steps, float Loss, double Accuracy, TimeSpan Remaining);
