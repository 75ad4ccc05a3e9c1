using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ulrl.Training.Data;

/// <summary>
/// Per-channel normalisation of images in [0,1]: <c>(x − mean) / std</c>, as torchvision's <c>Normalize</c>.
/// A single mean and deviation apply to every channel.
/// </summary>
public sealed class ChannelNormalization
{
    private static readonly (string Name, ChannelNormalization Value)[] Presets =
    [
        ("CIFAR-10", new([.4914f, .4822f, .4465f], [.247f, .243f, .261f])),
        ("CIFAR-100", new([.5071f, .4865f, .4409f], [.2673f, .2564f, .2762f])),
        ("Tiny-ImageNet", new([.4802f, .4481f, .3975f], [.2302f, .2265f, .2262f])),
        ("GTSRB", new([0f, 0f, 0f], [1f, 1f, 1f])),
        ("MNIST", new([.5f], [.5f])),
    ];

    private readonly float[] mean;
    private readonly float[] std;

    /// <summary>Creates a normalisation; both spans hold one value per channel, or one value for all channels.</summary>
    /// <param name="mean">Mean per channel, in units of [0,1] pixels.</param>
    /// <param name="std">Standard deviation per channel, greater than 0.</param>
    /// <exception cref="DataSetException">The lengths differ, are 0, or a value is not finite or a deviation not positive.</exception>
    public ChannelNormalization(ReadOnlySpan<float> mean, ReadOnlySpan<float> std)
    {
        if (mean.Length == 0 || mean.Length != std.Length)
            throw new DataSetException($"normalisation has {mean.Length} means and {std.Length} deviations; give one of each per channel");
        for (var i = 0; i < mean.Length; i++)
        {
            if (!float.IsFinite(mean[i]))
                throw new DataSetException($"normalisation mean of channel {i} is {Text(mean[i])}; it must be finite");
            if (!float.IsFinite(std[i]) || std[i] <= 0)
                throw new DataSetException($"normalisation deviation of channel {i} is {Text(std[i])}; it must be finite and greater than 0");
        }

        this.mean = mean.ToArray();
        this.std = std.ToArray();
    }

    /// <summary>CIFAR-10, as the published ULRL code normalises it.</summary>
    public static ChannelNormalization Cifar10 => FromName("CIFAR-10");

    /// <summary>CIFAR-100, as the published ULRL code normalises it.</summary>
    public static ChannelNormalization Cifar100 => FromName("CIFAR-100");

    /// <summary>Tiny-ImageNet, as the published ULRL code normalises it.</summary>
    public static ChannelNormalization TinyImageNet => FromName("Tiny-ImageNet");

    /// <summary>GTSRB, as the published ULRL code normalises it: mean 0, deviation 1.</summary>
    public static ChannelNormalization Gtsrb => FromName("GTSRB");

    /// <summary>MNIST, as the published ULRL code normalises it: mean and deviation one half.</summary>
    public static ChannelNormalization Mnist => FromName("MNIST");

    /// <summary>The names <see cref="FromName"/> knows.</summary>
    public static IReadOnlyList<string> Names => [.. Presets.Select(preset => preset.Name)];

    /// <summary>Number of values per statistic: the channels, or 1 where one value holds for all channels.</summary>
    public int Channels => mean.Length;

    /// <summary>Mean per channel.</summary>
    public IReadOnlyList<float> Mean => mean;

    /// <summary>Standard deviation per channel.</summary>
    public IReadOnlyList<float> Std => std;

    /// <summary>A preset by data set name; case, hyphens and underscores do not matter.</summary>
    /// <exception cref="DataSetException">No preset has that name.</exception>
    public static ChannelNormalization FromName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (var preset in Presets)
        {
            if (Key(preset.Name) == Key(name))
                return preset.Value;
        }

        throw new DataSetException($"no normalisation is known for data set '{name}'; use one of {string.Join(", ", Names)}, or give mean and deviation");
    }

    /// <summary>Parses comma-separated values, for example <c>.4914,.4822,.4465</c> and <c>.247,.243,.261</c>.</summary>
    /// <exception cref="DataSetException">A value is not a number, or the lists do not make a normalisation.</exception>
    public static ChannelNormalization Parse(string mean, string std)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(std);
        return new ChannelNormalization(ParseList(mean, "mean"), ParseList(std, "deviation"));
    }

    /// <summary>
    /// The value a black pixel takes after normalising, per channel: <c>(0 − mean) / std</c>.
    /// Padding a normalised image with it equals zero padding before normalising.
    /// </summary>
    /// <param name="channels">Channels of the image.</param>
    /// <exception cref="DataSetException">The normalisation is for another number of channels.</exception>
    public float[] PaddingValues(int channels)
    {
        var padding = new float[channels];
        for (var c = 0; c < channels; c++)
            padding[c] = (0f - MeanOf(c, channels)) / StdOf(c, channels);
        return padding;
    }

    /// <summary>Normalises one sample whose leading dimension is the channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Apply(ReadOnlySpan<float> sample, Span<float> destination, int channels)
    {
        var plane = sample.Length / channels;
        for (var c = 0; c < channels; c++)
        {
            float m = MeanOf(c, channels), s = StdOf(c, channels);
            var source = sample.Slice(c * plane, plane);
            var target = destination.Slice(c * plane, plane);
            var vectors = MemoryMarshal.Cast<float, Vector<float>>(source);
            var targetVectors = MemoryMarshal.Cast<float, Vector<float>>(target);
            for (var i = 0; i < vectors.Length; i++)
                targetVectors[i] = (vectors[i] - new Vector<float>(m)) / new Vector<float>(s);
            for (var i = vectors.Length * Vector<float>.Count; i < source.Length; i++)
                target[i] = (source[i] - m) / s;
        }
    }

    private static string Key(string name) =>
        name.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();

    private static float[] ParseList(string text, string what)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var values = new float[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!float.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]))
                throw new DataSetException($"normalisation {what} '{text}' is not a comma-separated list of numbers; write for example .4914,.4822,.4465");
        }

        return values;
    }

    private static string Text(float value) => value.ToString(CultureInfo.InvariantCulture);

    private float MeanOf(int channel, int channels) => mean[Index(channel, channels)];

    private float StdOf(int channel, int channels) => std[Index(channel, channels)];

    private int Index(int channel, int channels)
    {
        if (mean.Length == 1)
            return 0;
        if (mean.Length != channels)
            throw new DataSetException($"the normalisation has {mean.Length} channels, the samples have {channels}; give one mean and deviation per channel");
        return channel;
    }
}
