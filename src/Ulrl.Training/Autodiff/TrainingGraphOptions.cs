namespace Ulrl.Training.Autodiff;

/// <summary>What a training graph computes.</summary>
internal sealed record TrainingGraphOptions
{
    /// <summary>What is minimised.</summary>
    public required IObjective Objective { get; init; }

    /// <summary>How batch-norm and dropout behave.</summary>
    public NetworkMode Mode { get; init; } = NetworkMode.Train;

    /// <summary>Whether to keep to operators that every execution provider has.</summary>
    public bool Portable { get; init; }

    /// <summary>Seed of the dropout masks; null for no dropout.</summary>
    public int? DropoutSeed { get; init; }

    /// <summary>Rows of a parameter that do not train; null for none.</summary>
    public FrozenRows? Frozen { get; init; }

    /// <summary>Which of the trainable initializers train.</summary>
    public Func<string, bool> Trains { get; init; } = _ => true;
}
