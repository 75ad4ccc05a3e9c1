using Ulrl.Training.Onnx;

namespace Ulrl.Training.Purification;

/// <summary>What can be said about a model, and whether it can be purified.</summary>
/// <param name="Model">The model.</param>
/// <param name="InputName">The input that takes the samples; null where none could be told.</param>
/// <param name="SampleShape">Shape of one sample, −1 where the model leaves a dimension open; null where none could be told.</param>
/// <param name="FixedBatch">Number of samples that the model takes at once; null where that is free.</param>
/// <param name="OutputName">The output that holds logits or probabilities; null where none could be told.</param>
/// <param name="LogitsName">The tensor that holds the logits; differs from <paramref name="OutputName"/> in a model that ends in Softmax.</param>
/// <param name="Classes">Number of classes; null where it could not be told.</param>
/// <param name="Classifier">The classifier layer; null where none was found.</param>
/// <param name="Trainable">Initializers that training changes.</param>
/// <param name="Refusals">Why the model cannot be purified, one sentence each; empty where it can.</param>
public sealed record ModelInspection(
    OnnxModel Model,
    string? InputName,
    IReadOnlyList<long>? SampleShape,
    long? FixedBatch,
    string? OutputName,
    string? LogitsName,
    int? Classes,
    ClassifierLayer? Classifier,
    IReadOnlyList<OnnxInitializer> Trainable,
    IReadOnlyList<string> Refusals)
{
    /// <summary>Whether the model can be purified.</summary>
    public bool CanBePurified => Refusals.Count == 0;

    /// <summary>Number of trainable parameters.</summary>
    public long TrainableCount => Trainable.Sum(i => i.ElementCount);
}
