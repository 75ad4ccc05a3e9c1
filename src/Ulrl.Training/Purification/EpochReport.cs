namespace Ulrl.Training.Purification;

/// <summary>One epoch of training.</summary>
/// <param name="Epoch">Epoch, from 1.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="Accuracy">Accuracy over the training passes of the epoch, from 0 to 1.</param>
/// <param name="Losses">What every step minimised: in unlearning the negative cross-entropy, in relearning cross-entropy with the cosine term.</param>
/// <param name="CrossEntropies">Mean cross-entropy of every step.</param>
public sealed record EpochReport(int Epoch, float LearningRate, double Accuracy, IReadOnlyList<float> Losses, IReadOnlyList<float> CrossEntropies);
