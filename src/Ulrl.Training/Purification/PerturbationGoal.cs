namespace Ulrl.Training.Purification;

/// <summary>Where a shared perturbation is to lead samples: to one class, or from every class to the next.</summary>
/// <param name="Class">The class; null for the class after the sample's own, the last one's next being the first.</param>
internal readonly record struct PerturbationGoal(int? Class)
{
    /// <summary>From every class to the next, as the usual attack from all classes to all does (BadNets, arXiv 1708.06733).</summary>
    public static PerturbationGoal Next => new(null);

    /// <summary>To one class.</summary>
    /// <param name="target">The class.</param>
    public static PerturbationGoal To(int target) => new(target);

    /// <summary>Whether a sample is to be led away at all; those of the class are there already.</summary>
    /// <param name="label">Its class.</param>
    public bool Concerns(long label) => Class != label;

    /// <summary>The class that a sample is to be led to.</summary>
    /// <param name="label">Its own.</param>
    /// <param name="classes">Number of classes.</param>
    public int Of(int label, int classes) => Class ?? ((label + 1) % classes);
}
