namespace Ulrl.Training.Purification;

/// <summary>What relearning does with its batches.</summary>
internal sealed record RelearningPlan
{
    /// <summary>The suspicious classes.</summary>
    public required IReadOnlyList<int> Suspicious { get; init; }

    /// <summary>Perturbations toward them.</summary>
    public required IReadOnlyList<PlannedPerturbation> Perturbations { get; init; }

    /// <summary>Applies them.</summary>
    public required SampleRange Range { get; init; }

    /// <summary>Share of the samples that carry one.</summary>
    public required float PerturbedShare { get; init; }

    /// <summary>Share of the samples that are mixed.</summary>
    public required float MixedShare { get; init; }

    /// <summary>Share of the steps at displaced weights.</summary>
    public float DisplacedShare { get; init; }

    /// <summary>Displacements are drawn from 0 to this factor of the direction.</summary>
    public float LargestDisplacement { get; init; }

    /// <summary>Share of the samples that are replaced by samples of the suspicious classes where weights are displaced.</summary>
    public float RepeatedShare { get; init; }

    /// <summary>Number of epochs.</summary>
    public required int Epochs { get; init; }

    /// <summary>The epoch, counted from 0, from which on nothing is perturbed or displaced: the running statistics of batch-norm become those of clean samples again.</summary>
    public required int PlainFrom { get; init; }

    /// <summary>Whether samples carry perturbations.</summary>
    public bool Perturbs => PerturbedShare > 0 && Perturbations.Count > 0;

    /// <summary>Whether steps are taken at displaced weights.</summary>
    public bool Displaces => DisplacedShare > 0;
}
