namespace Ulrl.Efficacy.Attacks;

/// <summary>Which samples are poisoned and what they become.</summary>
/// <param name="Target">The class that the trigger leads to; null for all-to-all, from every class to the next.</param>
/// <param name="Rate">Share of the training samples that are poisoned, above 0.</param>
/// <param name="Seed">Seed of the choice and of what differs from sample to sample.</param>
internal sealed record PoisonPlan(int? Target, double Rate, int Seed)
{
    /// <summary>The class that the trigger leads to from a class.</summary>
    public int Goal(int label, int classes) => Target ?? ((label + 1) % classes);
}
