namespace Ulrl.Training.Purification;

/// <summary>Parts of a purification.</summary>
public enum PurificationPhase
{
    /// <summary>Checking the model and making the training graph.</summary>
    Preparation,

    /// <summary>Ascending the loss on the clean samples.</summary>
    Unlearning,

    /// <summary>Unlearning again with other random numbers, to see whether the same neurons move.</summary>
    Detection,

    /// <summary>Searching perturbations that lead samples of all classes to one.</summary>
    Search,

    /// <summary>Descending it again from the given weights, away from the suspicious neurons.</summary>
    Relearning,

    /// <summary>Measuring the model before and after.</summary>
    Evaluation,
}
