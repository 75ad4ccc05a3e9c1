using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Attacks;

/// <summary>What an attack that is made against a network starts from.</summary>
/// <param name="CleanModel">A clean network of the attacked kind.</param>
/// <param name="Samples">Its training samples as stored, values from 0 to 1.</param>
/// <param name="Normalization">How it reads them.</param>
/// <param name="Threads">CPU threads; 0 for one per core.</param>
internal sealed record AttackContext(OnnxModel CleanModel, LabeledSamples Samples, ChannelNormalization Normalization, int Threads);
