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

    /// <summary>Share of the samples that are to be led which a model sends there, from 0 to 1; NaN where there are none.</summary>
    /// <param name="predictions">What the model makes of the perturbed samples.</param>
    /// <param name="labels">Their own classes.</param>
    /// <param name="classes">Number of classes.</param>
    public double Share(IReadOnlyList<int> predictions, IReadOnlyList<int> labels, int classes)
    {
        var (reached, led) = (0, 0);
        for (var i = 0; i < predictions.Count; i++)
        {
            if (!Concerns(labels[i])) continue;
            led++;
            if (predictions[i] == Of(labels[i], classes)) reached++;
        }

        return (double)reached / led;
    }
}
