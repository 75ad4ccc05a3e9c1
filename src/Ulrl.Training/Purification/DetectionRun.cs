namespace Ulrl.Training.Purification;

/// <summary>What one unlearning run says about the neurons.</summary>
/// <param name="Neuron">The neuron whose weights changed most.</param>
/// <param name="WeightChange">Its weight change.</param>
/// <param name="MedianChange">Median weight change of all neurons, of an even number the lower middle one.</param>
/// <param name="Dominance">Its weight change over the next largest one, 1 or more.</param>
public sealed record DetectionRun(int Neuron, double WeightChange, double MedianChange, double Dominance);
