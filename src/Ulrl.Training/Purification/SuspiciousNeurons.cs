namespace Ulrl.Training.Purification;

/// <summary>Finds the neurons whose weights unlearning changed far more than the others' (ULRL, neuron weight change and MAD).</summary>
internal static class SuspiciousNeurons
{
    // Makes the median absolute deviation of a normal distribution its standard deviation.
    private const double MadScale = 1.4826;

    /// <param name="layer">The classifier layer.</param>
    /// <param name="before">Its weights in the given model.</param>
    /// <param name="after">Its weights after unlearning.</param>
    /// <param name="threshold">Smallest z-score of a suspicious neuron.</param>
    /// <param name="most">Most suspicious neurons, the first by index.</param>
    public static IReadOnlyList<NeuronReport> Find(ClassifierLayer layer, ReadOnlySpan<float> before, ReadOnlySpan<float> after, double threshold, int most)
    {
        return Find(Changes(layer, before, after), threshold, most);
    }

    /// <summary>Neuron weight change of every class.</summary>
    public static double[] Changes(ClassifierLayer layer, ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        var changes = new double[layer.Classes];
        for (var c = 0; c < changes.Length; c++)
        {
            for (var f = 0; f < layer.Features; f++) changes[c] += Math.Abs((double)after[layer.Index(c, f)] - before[layer.Index(c, f)]);
        }

        return changes;
    }

    /// <summary>The same of given weight changes.</summary>
    public static IReadOnlyList<NeuronReport> Find(double[] changes, double threshold, int most)
    {
        var median = LowerMedian(changes);
        var deviation = MadScale * LowerMedian([.. changes.Select(c => Math.Abs(c - median))]);
        var found = 0;
        var neurons = new NeuronReport[changes.Length];
        for (var c = 0; c < changes.Length; c++)
        {
            var distance = Math.Abs(changes[c] - median);
            var z = distance == 0 ? 0 : distance / deviation;
            var suspicious = z > threshold && changes[c] > median && found < most;
            if (suspicious) found++;
            neurons[c] = new NeuronReport(c, changes[c], z, suspicious);
        }

        return neurons;
    }

    // torch.median: of an even number of values the lower middle one.
    private static double LowerMedian(double[] values)
    {
        var sorted = values.Order().ToArray();
        return sorted[(sorted.Length - 1) / 2];
    }
}
