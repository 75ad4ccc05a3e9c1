using Microsoft.ML;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.MLNet;

public sealed partial class PurifyBackdoorEstimator
{
    /// <summary>Settings of a <see cref="PurifyBackdoorEstimator"/>; one of <see cref="ModelFile"/>, <see cref="ModelBytes"/> and <see cref="Model"/> is needed.</summary>
    public sealed class Options
    {
        /// <summary>Name of the column with the purified model's answer per class (logits, or whatever the model puts out), a vector of <see cref="float"/>; default <c>Score</c>.</summary>
        public string OutputColumnName { get; set; } = "Score";

        /// <summary>
        /// Name of the column with the samples as the model reads them, a vector of known size of any numeric type; default <c>Features</c>.
        /// Images come channels first, as ExtractPixels writes them.
        /// </summary>
        public string InputColumnName { get; set; } = "Features";

        /// <summary>
        /// Name of the column with the classes of the clean samples, which only <see cref="Fit"/> reads; default <c>Label</c>. A key (key
        /// k is the model's class k − 1, so that keys must be in the model's order), a number or a Boolean (the class itself), or a one-hot vector.
        /// </summary>
        public string LabelColumnName { get; set; } = "Label";

        /// <summary>Name of an extra column with the softmax of the model's logits, a vector of <see cref="float"/>; null, the default, for none.</summary>
        public string? ProbabilityColumnName { get; set; }

        /// <summary>
        /// Name of an extra column with the class of the highest score, a key that <c>MapKeyToValue</c> turns into the class's name
        /// (its number, for classes without names); null, the default, for none.
        /// </summary>
        public string? PredictedLabelColumnName { get; set; }

        /// <summary>
        /// Names of the classes in the order of the model's outputs. Null, the default, for the values of a key label or the slot names
        /// of a one-hot label; labels that have names must have these.
        /// </summary>
        public IReadOnlyList<string>? ClassNames { get; set; }

        /// <summary>Path of the ONNX model to purify.</summary>
        public string? ModelFile { get; set; }

        /// <summary>The serialised ONNX model to purify.</summary>
        public byte[]? ModelBytes { get; set; }

        /// <summary>The model to purify, from whichever importer of Ulrl.</summary>
        public OnnxModel? Model { get; set; }

        /// <summary>
        /// Values for the inputs of the model other than the samples, by their names, each the same for every sample. A model may have any number
        /// of inputs of fixed shape and of type float, int64 or bool (0 is false) as long as all but one are given here.
        /// </summary>
        public IReadOnlyDictionary<string, float[]> ConstantInputs { get; set; } = new Dictionary<string, float[]>();

        /// <summary>
        /// Normalisation of each channel that the model expects, and that training and scoring apply to the column; null, the default,
        /// feeds the column as it is.
        /// </summary>
        public ChannelNormalization? Normalization { get; set; }

        /// <summary>
        /// Whether the column already is normalised by <see cref="Normalization"/>, which then only tells the random crops of the training
        /// what a black pixel is; default false.
        /// </summary>
        public bool InputIsNormalized { get; set; }

        /// <summary>
        /// CUDA device to train and score on. Null, the default, for <see cref="MLContext.GpuDeviceId"/>, and for the CPU where that is null, too.
        /// </summary>
        public int? GpuDeviceId { get; set; }

        /// <summary>Whether the CPU takes over, with a warning in the log, where the CUDA device cannot be used; default false.</summary>
        public bool FallbackToCpu { get; set; }

        /// <summary>
        /// Seed of the training. Null, the default, draws it from the MLContext, whose own seed then makes runs repeatable; the report tells which it was.
        /// </summary>
        public int? Seed { get; set; }

        /// <summary>
        /// Settings of the purification; default the preset <see cref="PurificationPreset.Balanced"/>. Its <see cref="PurificationOptions.Seed"/> and
        /// <see cref="PurificationOptions.Device"/> are replaced by <see cref="Seed"/> and <see cref="GpuDeviceId"/>; its
        /// <see cref="PurificationOptions.Engine"/> trains, and ONNX Runtime scores.
        /// </summary>
        public PurificationOptions Purification { get; set; } = new();

        /// <summary>Rows that the transformer reads ahead and scores in one run; default 64, 1 for row by row.</summary>
        public int ScoringBatchSize { get; set; } = 64;

        /// <summary>Told after every training step; <see cref="MLContext.Log"/> has a message per epoch and one for the search for perturbations in any case.</summary>
        public IProgress<PurificationProgress>? Progress { get; set; }

        /// <summary>Given the purified model at the end of <see cref="Fit"/>, as <see cref="PurifyBackdoorTransformer.PurifiedModel"/> has it.</summary>
        public Action<OnnxModel>? Purified { get; set; }

        /// <summary>Cancels <see cref="Fit"/>, which then throws an <see cref="OperationCanceledException"/>.</summary>
        public CancellationToken CancellationToken { get; set; }

        internal Options Clone() => (Options)MemberwiseClone();
    }
}
