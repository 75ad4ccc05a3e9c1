namespace Ulrl.Training.Purification;

/// <summary>What unlearning did to one neuron of the classifier layer.</summary>
/// <param name="Neuron">Its number, the class it votes for.</param>
/// <param name="WeightChange">Neuron weight change: L1 distance of its weights before and after unlearning.</param>
/// <param name="ZScore">Distance of the weight change from the median in scaled median absolute deviations.</param>
/// <param name="IsSuspicious">Whether it was relearned as suspicious.</param>
public sealed record NeuronReport(int Neuron, double WeightChange, double ZScore, bool IsSuspicious);
