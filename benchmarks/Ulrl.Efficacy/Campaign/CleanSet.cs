using System.Globalization;
using Ulrl.Training;
using Ulrl.Training.Data;

namespace Ulrl.Efficacy.Campaign;

/// <summary>The defender's samples: drawn from the clean training samples once, whatever the seed of a run.</summary>
internal static class CleanSet
{
    /// <summary>The usual number.</summary>
    public const string Usual = "500";

    /// <summary>As many, but ten times as many of the most frequent class as of the rarest, falling geometrically.</summary>
    public const string Imbalanced = "imbalanced";

    private const int Stream = 61;
    private const int ImbalancedSamples = 500;
    private const double Imbalance = 10;

    /// <summary>The sets that are compared with the usual one.</summary>
    public static IReadOnlyList<string> Others => ["250", "100", "50", Imbalanced];

    /// <summary>Draws a set; a smaller one is part of a larger one.</summary>
    /// <param name="name">A number of samples, or <see cref="Imbalanced"/>.</param>
    /// <param name="train">The clean training samples.</param>
    /// <param name="classes">Number of classes.</param>
    /// <exception cref="UlrlException">There is no such set, or there are too few samples.</exception>
    public static LabeledSamples Draw(string name, LabeledSamples train, int classes)
    {
        var order = Enumerable.Range(0, train.Count).ToArray();
        RandomStream.Create(0, Stream, 0).Shuffle(order);
        if (name == Imbalanced) return train.Subset(PickImbalanced(train, classes, order));
        if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
            throw new UlrlException($"'{name}' is no set of clean samples; give a number or {Imbalanced}.");
        if (count > train.Count) throw new UlrlException($"{train.Source} has {train.Count} samples, {count} are wanted; give more data.");
        return train.Subset(order.AsSpan(0, count));
    }

    private static int[] PickImbalanced(LabeledSamples train, int classes, int[] order)
    {
        var shares = Enumerable.Range(0, classes).Select(rank => Math.Pow(Imbalance, -(double)rank / (classes - 1))).ToArray();
        RandomStream.Create(0, Stream, 1).Shuffle(shares);
        var left = shares.Select(share => (int)Math.Round(ImbalancedSamples * share / shares.Sum())).ToArray();
        return [.. order.Where(i => left[train.Labels[i]]-- > 0)];
    }
}
