using Ulrl.Training.Purification;

namespace Ulrl.Cli.Documents;

/// <summary>What <c>ulrl inspect --json</c> prints.</summary>
internal sealed record InspectionDocument(
    string? Model,
    long IrVersion,
    string Producer,
    IReadOnlyDictionary<string, long> Opsets,
    IReadOnlyList<TensorDocument> Inputs,
    IReadOnlyList<TensorDocument> Outputs,
    string? Logits,
    int? Classes,
    long? FixedBatch,
    ClassifierDocument? Classifier,
    long ParameterCount,
    long TrainableCount,
    IReadOnlyList<TensorDocument> Trainable,
    bool CanBePurified,
    IReadOnlyList<string> Refusals,
    DetectionDocument? Detection)
{
    public static InspectionDocument Of(ModelInspection found, BackdoorDetection? detection) => new(
        found.Model.SourcePath,
        found.Model.IrVersion,
        found.Model.ProducerName,
        found.Model.Opsets.ToDictionary(o => o.Key.Length == 0 ? "ai.onnx" : o.Key, o => o.Value),
        [.. found.Model.Inputs.Select(TensorDocument.Of)],
        [.. found.Model.Outputs.Select(TensorDocument.Of)],
        found.LogitsName,
        found.Classes,
        found.FixedBatch,
        found.Classifier is { } c ? new ClassifierDocument(c.Weight, c.Bias, c.Operator, c.Node, c.Classes, c.Features) : null,
        found.Model.Initializers.Sum(i => i.ElementCount),
        found.TrainableCount,
        [.. found.Trainable.Select(TensorDocument.Of)],
        found.CanBePurified,
        found.Refusals,
        detection is null ? null : DetectionDocument.Of(detection));
}
