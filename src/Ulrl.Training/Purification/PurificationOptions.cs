using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>
/// Settings of a purification. The defaults are the preset <see cref="PurificationPreset.Balanced"/>; <see cref="Published"/> has
/// those of the published code (arXiv 2405.14781 and its repository).
/// </summary>
public sealed record PurificationOptions
{
    private static readonly int[] PublishedMilestones = [10, 20];

    /// <summary>Samples per batch in both phases; default 128. The last, smaller batch of an epoch is kept.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Most epochs of unlearning; default 20.</summary>
    public int UnlearningEpochs { get; init; } = 20;

    /// <summary>Learning rate of unlearning; default 0.01.</summary>
    public float UnlearningLearningRate { get; init; } = 0.01f;

    /// <summary>Epochs before which the unlearning rate is multiplied by <see cref="UnlearningGamma"/>; default 10 and 20.</summary>
    public IReadOnlyList<int> UnlearningMilestones { get; init; } = PublishedMilestones;

    /// <summary>Factor of the unlearning rate at each milestone; default 0.1.</summary>
    public float UnlearningGamma { get; init; } = 0.1f;

    /// <summary>Weight decay of unlearning; default 0.0005.</summary>
    public float UnlearningWeightDecay { get; init; } = 5e-4f;

    /// <summary>Largest global L2 norm of the unlearning gradients; default 20.</summary>
    public float UnlearningClipNorm { get; init; } = 20f;

    /// <summary>Unlearning ends after an epoch whose accuracy is at most this; default 0.2.</summary>
    public float CleanThreshold { get; init; } = 0.2f;

    /// <summary>
    /// Unlearning runs, each with other random numbers, from which the detection's confidence comes; default 3, published 1; fewer where the search
    /// for perturbations agrees with the first. With several runs or a search, neurons are suspicious only where the confidence is 0.5 or more.
    /// </summary>
    public int UnlearningRuns { get; init; } = 3;

    /// <summary>
    /// Whether convolutions with a bias and no batch-norm behind them, which is what exporters leave of folded batch-norm, get one for the
    /// time of the training; it is folded again in the result. Default true, published false.
    /// </summary>
    public bool RestoreBatchNorm { get; init; } = true;

    /// <summary>A neuron is suspicious when its weight change lies this many scaled median deviations above the median; default 3.5.</summary>
    public double SuspicionThreshold { get; init; } = 3.5;

    /// <summary>Most neurons taken as suspicious, the first by index; default 2. An attack from every class to the next makes all of them so.</summary>
    public int MaxSuspiciousNeurons { get; init; } = 2;

    /// <summary>Epochs of relearning; default 20. Where nothing suspicious was found and no sample carries a perturbation, the preset <see cref="PurificationPreset.Balanced"/> takes half of them.</summary>
    public int RelearningEpochs { get; init; } = 20;

    /// <summary>
    /// Least batches of an epoch of relearning: it goes through fewer samples several times. Default 4, what 500 samples have; 1, as published, for one pass over
    /// any number.
    /// </summary>
    public int RelearningBatches { get; init; } = 4;

    /// <summary>Learning rate of relearning, annealed to 0 by a cosine; default 0.01, published 0.005 for CIFAR-10.</summary>
    public float RelearningLearningRate { get; init; } = 0.01f;

    /// <summary>
    /// Share of the samples of a relearning batch that carry a shared perturbation: one that leads samples of other classes to a suspicious
    /// class in the given model (a universal adversarial perturbation, arXiv 1610.08401), at few pixels, of low frequencies, or a warp. Their search
    /// also tells backdoored classes. Where no class is suspicious, 0.3 of the share carries sparse ones toward any class. Default 0.5; 0, as published, for no search.
    /// </summary>
    public float PerturbedShare { get; init; } = 0.5f;

    /// <summary>
    /// Share of the samples of a relearning batch that are mixed with another one (mixup, arXiv 1710.09412, or CutMix, arXiv 1905.04899) and have the given
    /// model's answer but no label; default 0.3 and only with distillation, 0 for none as published.
    /// </summary>
    public float MixedShare { get; init; } = 0.3f;

    /// <summary>
    /// Share of the relearning steps that are taken at weights displaced toward where unlearning led, where no perturbation leads half of the samples
    /// to a suspicious class. Default 0.3, 0 for none as published.
    /// </summary>
    public float DisplacedShare { get; init; } = 0.3f;

    /// <summary>
    /// Whether the weights of the suspicious neurons start relearning with the opposite sign and stay there, while everything else
    /// trains; default false. Excludes <see cref="Reinitialize"/>.
    /// </summary>
    public bool Reflect { get; init; }

    /// <summary>
    /// Weight of the distillation term of relearning, temperature² · KL to the given model's softened answers on the same batch;
    /// default 2, 0 for none as published.
    /// </summary>
    public float DistillationWeight { get; init; } = 2f;

    /// <summary>Temperature of the distillation; default 2.</summary>
    public float DistillationTemperature { get; init; } = 2f;

    /// <summary>
    /// What is taken off the logit of a suspicious class at least, in the given answers that are distilled for samples that carry a perturbation toward it, from 0 to 20; default 1.
    /// It is more where the given model answers the class too often, and less where fewer than 40 clean samples are of it (<see cref="PurificationReport.TargetCorrections"/>).
    /// More takes attack success down, and the class's accuracy with it; 0 for none as published.
    /// </summary>
    public float TargetCorrection { get; init; } = 1f;

    /// <summary>
    /// Weight α of the cosine between a suspicious neuron and its given weights; default 0, published 0.7 for CIFAR-10. Without
    /// effect on reflected neurons, whose cosine is −1.
    /// </summary>
    public float Alpha { get; init; }

    /// <summary>Whether the suspicious neurons start relearning from random weights (the published key <c>init</c>); default false, published true.</summary>
    public bool Reinitialize { get; init; }

    /// <summary>Momentum of both phases; default 0.9.</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>Pixels of padding for the random crop of image samples; default 4, 0 for no crop.</summary>
    public int CropPadding { get; init; } = 4;

    /// <summary>Whether image samples are mirrored at random; default true, as published for CIFAR-10 (the other data sets: false).</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Seed of every random number; default 0.</summary>
    public int Seed { get; init; }

    /// <summary>Where to train; default <see cref="Runtime.Device.Auto"/>.</summary>
    public Device Device { get; init; } = Device.Auto;

    /// <summary>What computes the training steps; default <see cref="TrainingEngine.OnnxRuntime"/>.</summary>
    public TrainingEngine Engine { get; init; } = TrainingEngine.OnnxRuntime;

    /// <summary>CPU threads; default 0, one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Initializer with the classifier layer's weights; null, the default, to find it.</summary>
    public string? Classifier { get; init; }

    /// <summary>Model output that holds the logits; null, the default, for the first.</summary>
    public string? OutputName { get; init; }

    /// <summary>Stored batch orders and initial rows that replace random ones, to repeat a run made elsewhere; null for none.</summary>
    public PurificationReplay? Replay { get; init; }

    /// <summary>The settings of a preset.</summary>
    /// <param name="preset">The preset.</param>
    /// <param name="dataSet">What the model classifies, as for <see cref="Published"/>; it decides whether images are mirrored and, in
    /// <see cref="PurificationPreset.Published"/>, the learning rate and α.</param>
    /// <exception cref="UlrlException">The published code has no settings for that name.</exception>
    public static PurificationOptions Preset(PurificationPreset preset, string dataSet = "CIFAR-10")
    {
        var published = Published(dataSet);
        return preset switch
        {
            PurificationPreset.Balanced => new PurificationOptions { HorizontalFlip = published.HorizontalFlip },
            PurificationPreset.Published => published,
            _ => throw new ArgumentOutOfRangeException(nameof(preset), preset, "There is no such preset."),
        };
    }

    /// <summary>
    /// The published settings of a data set: CIFAR-10 (learning rate 0.005, α 0.7, flips), CIFAR-100, GTSRB, Tiny-ImageNet
    /// and MNIST (0.001, 0.001, no flips).
    /// </summary>
    /// <param name="dataSet">Name of the data set; case, hyphens and underscores do not matter.</param>
    /// <exception cref="UlrlException">The published code has no settings for that name.</exception>
    public static PurificationOptions Published(string dataSet = "CIFAR-10")
    {
        ArgumentNullException.ThrowIfNull(dataSet);
        var key = dataSet.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
        var published = new PurificationOptions
        {
            UnlearningRuns = 1,
            RestoreBatchNorm = false,
            RelearningLearningRate = 0.005f,
            RelearningBatches = 1,
            PerturbedShare = 0f,
            MixedShare = 0f,
            DisplacedShare = 0f,
            Alpha = 0.7f,
            Reinitialize = true,
            DistillationWeight = 0f,
            TargetCorrection = 0f,
        };
        return key switch
        {
            "CIFAR10" => published,
            "CIFAR100" or "GTSRB" or "TINY" or "TINYIMAGENET" or "MNIST" =>
                published with { RelearningLearningRate = 0.001f, Alpha = 0.001f, HorizontalFlip = false },
            _ => throw new UlrlException($"there are no published settings for data set '{dataSet}'; use CIFAR-10, CIFAR-100, GTSRB, Tiny-ImageNet or MNIST."),
        };
    }

    /// <summary>Checks every setting.</summary>
    /// <exception cref="UlrlException">Names the first setting that is out of range.</exception>
    public void Validate()
    {
        Require(BatchSize >= 2, nameof(BatchSize), BatchSize, "at least 2");
        Require(UnlearningEpochs >= 1, nameof(UnlearningEpochs), UnlearningEpochs, "at least 1");
        Require(UnlearningRuns is >= 1 and <= 100, nameof(UnlearningRuns), UnlearningRuns, "from 1 to 100");
        Require(RelearningEpochs >= 1, nameof(RelearningEpochs), RelearningEpochs, "at least 1");
        Require(RelearningBatches is >= 1 and <= 10_000, nameof(RelearningBatches), RelearningBatches, "from 1 to 10000");
        Positive(UnlearningLearningRate, nameof(UnlearningLearningRate));
        Positive(RelearningLearningRate, nameof(RelearningLearningRate));
        Positive(UnlearningClipNorm, nameof(UnlearningClipNorm));
        Require(UnlearningGamma is > 0 and <= 1, nameof(UnlearningGamma), UnlearningGamma, "above 0 and at most 1");
        Require(float.IsFinite(UnlearningWeightDecay) && UnlearningWeightDecay >= 0, nameof(UnlearningWeightDecay), UnlearningWeightDecay, "0 or more");
        Require(CleanThreshold is >= 0 and <= 1, nameof(CleanThreshold), CleanThreshold, "from 0 to 1");
        Require(double.IsFinite(SuspicionThreshold) && SuspicionThreshold > 0, nameof(SuspicionThreshold), SuspicionThreshold, "above 0");
        Require(MaxSuspiciousNeurons >= 1, nameof(MaxSuspiciousNeurons), MaxSuspiciousNeurons, "at least 1");
        Require(PerturbedShare is >= 0 and <= 1, nameof(PerturbedShare), PerturbedShare, "from 0 to 1");
        Require(MixedShare >= 0 && PerturbedShare + MixedShare <= 1, nameof(MixedShare), MixedShare, $"0 or more, and at most 1 together with {nameof(PerturbedShare)}");
        Require(DisplacedShare is >= 0 and <= 1, nameof(DisplacedShare), DisplacedShare, "from 0 to 1");
        Require(!(Reflect && Reinitialize), nameof(Reinitialize), Reinitialize, $"false where {nameof(Reflect)} is true");
        Require(float.IsFinite(DistillationWeight) && DistillationWeight >= 0, nameof(DistillationWeight), DistillationWeight, "0 or more");
        Positive(DistillationTemperature, nameof(DistillationTemperature));
        Require(TargetCorrection is >= 0 and <= 20, nameof(TargetCorrection), TargetCorrection, "from 0 to 20");
        Require(float.IsFinite(Alpha), nameof(Alpha), Alpha, "finite");
        Require(Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "from 0 to below 1");
        Require(CropPadding is >= 0 and <= ushort.MaxValue, nameof(CropPadding), CropPadding, "0 or more");
        Require(Threads >= 0, nameof(Threads), Threads, "0 or more");
        ArgumentNullException.ThrowIfNull(Device);
        ArgumentNullException.ThrowIfNull(Engine);
        ArgumentNullException.ThrowIfNull(UnlearningMilestones);
    }

    private static void Positive(float value, string name) => Require(float.IsFinite(value) && value > 0, name, value, "above 0");

    private static void Require<T>(bool holds, string name, T value, string range)
    {
        if (!holds) throw new UlrlException(FormattableString.Invariant($"{name} is {value}; it must be {range}."));
    }
}
