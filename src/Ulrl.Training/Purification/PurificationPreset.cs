namespace Ulrl.Training.Purification;

/// <summary>Settings that belong together.</summary>
public enum PurificationPreset
{
    /// <summary>
    /// Made to remove the attack without giving a class up: the network relearns with distillation from the given model, on samples some of
    /// which carry perturbations toward the suspicious classes and some of which are mixed (docs/algorithm.md). The default.
    /// </summary>
    Balanced,

    /// <summary>The settings of the published code (arXiv 2405.14781 and its repository), which often give the target class up.</summary>
    Published,
}
