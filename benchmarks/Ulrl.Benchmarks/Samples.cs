using Ulrl.Training.Data;

namespace Ulrl.Benchmarks;

/// <summary>The samples that both halves train on.</summary>
internal static class Samples
{
    public static LabeledSamples Read(string path) => DataSetReader.Read(path).Normalize(ChannelNormalization.Cifar10);
}
