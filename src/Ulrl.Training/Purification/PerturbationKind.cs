namespace Ulrl.Training.Purification;

/// <summary>What a perturbation that all samples share does to a sample.</summary>
public enum PerturbationKind
{
    /// <summary>It changes few positions, such as the pixels of a patch.</summary>
    Sparse,

    /// <summary>It adds a picture of few low frequencies to an image.</summary>
    Smooth,

    /// <summary>It moves the pixels of an image by a smooth field.</summary>
    Warp,

    /// <summary>It adds a sinusoid to an image, along its rows, its columns or a diagonal.</summary>
    Periodic,

    /// <summary>It adds random noise to every value of an image.</summary>
    Noise,
}
