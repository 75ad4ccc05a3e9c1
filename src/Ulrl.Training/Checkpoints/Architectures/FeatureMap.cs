using System.Diagnostics.CodeAnalysis;
using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Checkpoints.Architectures;

/// <summary>A tensor of a network under construction.</summary>
[SuppressMessage("Performance", "CA1815:Override equals and operator equals on value types", Justification = "Feature maps are handed on, not compared.")]
public readonly struct FeatureMap
{
    private readonly long[]? shape;

    internal FeatureMap(Value value, params long[] shape)
    {
        Value = value;
        this.shape = shape;
    }

    /// <summary>Its dimensions without the batch: [channels, height, width] of images, [features] of vectors.</summary>
    public IReadOnlyList<long> Shape => Dims;

    /// <summary>The first dimension: the channels of images, the length of a vector.</summary>
    public int Channels => (int)Dims[0];

    internal Value Value { get; }

    internal long[] Dims => shape ?? throw new InvalidOperationException("The feature map is of no network.");

    internal FeatureMap With(Value value) => new(value, Dims);
}
