namespace Ulrl.Training.Purification;

/// <summary>Accuracy on one class before and after purification.</summary>
/// <param name="Class">The class.</param>
/// <param name="Samples">Number of clean samples of it.</param>
/// <param name="Before">Accuracy of the given model, from 0 to 1; null without samples.</param>
/// <param name="After">Accuracy of the purified model; null without samples.</param>
public sealed record ClassAccuracy(int Class, int Samples, double? Before, double? After);
