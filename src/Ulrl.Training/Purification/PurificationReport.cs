namespace Ulrl.Training.Purification;

/// <summary>What a purification did and measured.</summary>
public sealed record PurificationReport
{
    /// <summary>Name of the purified model's file; null for a model from memory.</summary>
    public required string? Model { get; init; }

    /// <summary>What the clean samples were read from.</summary>
    public required string CleanSamples { get; init; }

    /// <summary>Number of clean samples.</summary>
    public required int SampleCount { get; init; }

    /// <summary>The settings.</summary>
    public required PurificationOptions Options { get; init; }

    /// <summary>The engine that trained, such as <c>onnxruntime</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>The device that trained, <c>cpu</c> or <c>cuda:N</c>.</summary>
    public required string Device { get; init; }

    /// <summary>The classifier layer.</summary>
    public required ClassifierLayer Classifier { get; init; }

    /// <summary>Number of trained initializers and of the values in them.</summary>
    public required (int Tensors, long Values) Parameters { get; init; }

    /// <summary>Every neuron of the classifier layer.</summary>
    public required IReadOnlyList<NeuronReport> Neurons { get; init; }

    /// <summary>The suspicious neurons.</summary>
    public IReadOnlyList<int> SuspiciousNeurons => [.. Neurons.Where(n => n.IsSuspicious).Select(n => n.Neuron)];

    /// <summary>Whether the given model is backdoored.</summary>
    public required BackdoorDetection Detection { get; init; }

    /// <summary>The unlearning phase.</summary>
    public required PhaseReport Unlearning { get; init; }

    /// <summary>The relearning phase.</summary>
    public required PhaseReport Relearning { get; init; }

    /// <summary>Number of shared perturbations that samples of relearning carried, toward suspicious classes, or toward any where none was; 0 without a search.</summary>
    public int Perturbations { get; init; }

    /// <summary>Share of the samples of a relearning batch that carried one, from 0 to <see cref="PurificationOptions.PerturbedShare"/>.</summary>
    public float PerturbedShare { get; init; }

    /// <summary>Share of the relearning steps that were taken at displaced weights, from 0 to <see cref="PurificationOptions.DisplacedShare"/>.</summary>
    public float DisplacedShare { get; init; }

    /// <summary>By how much relearning lowered the logits of suspicious classes in the answers that it distilled for perturbed samples; none of a class that the given model answers too rarely.</summary>
    public IReadOnlyList<TargetCorrection> TargetCorrections { get; init; } = [];

    /// <summary>Seconds of checking the model, probing and making the training graphs.</summary>
    public required double PreparationSeconds { get; init; }

    /// <summary>Seconds of the search for perturbations and of the further unlearning runs, which tell how sure the detection is.</summary>
    public required double DetectionSeconds { get; init; }

    /// <summary>Seconds of measuring the given and the purified model on the clean samples.</summary>
    public required double EvaluationSeconds { get; init; }

    /// <summary>Accuracy of the given model on the clean samples, from 0 to 1.</summary>
    public required double AccuracyBefore { get; init; }

    /// <summary>Accuracy of the purified model on the clean samples.</summary>
    public required double AccuracyAfter { get; init; }

    /// <summary>Accuracy per class on the clean samples.</summary>
    public required IReadOnlyList<ClassAccuracy> Classes { get; init; }

    /// <summary>What a reader must know before deploying the model, one sentence each.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
