using System.Numerics.Tensors;
using Ulrl.Training.Data;

namespace Ulrl.Training.Purification;

/// <summary>
/// Batches of relearning. Some samples carry a shared perturbation toward a suspicious class, while their label and what the given model is
/// asked about stay those of the clean sample; some are mixed with another one and have no label, only the given model's answer; the rest
/// are plain. Some batches are learnt at displaced weights.
/// </summary>
internal sealed class RelearningBatches : IBatchSource
{
    // Factors of a perturbation, so that weaker and stronger ones lose their effect too.
    private const float LeastScale = 0.6f;
    private const float MostScale = 1.2f;

    // A picture that is blended in takes contrast from the image. A smooth perturbation alone does not.
    private const float MostFading = 0.3f;

    private readonly LabeledSamples clean;
    private readonly BatchLoader loader;
    private readonly SampleMixer mixer;
    private readonly RelearningPlan plan;
    private readonly int seed;
    private readonly int stream;
    private readonly int[] target;

    // Sum of the weights of the perturbations up to each.
    private readonly double[] weights;
    private readonly float[] given;
    private readonly List<int> mixed = [];
    private readonly List<int> perturbed = [];
    private Random random;
    private bool isPlain;

    /// <param name="clean">The clean samples.</param>
    /// <param name="loader">Loads and augments them.</param>
    /// <param name="plan">What to do with them.</param>
    /// <param name="batchSize">Most samples of a batch.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="stream">Tells these random numbers from others.</param>
    public RelearningBatches(LabeledSamples clean, BatchLoader loader, RelearningPlan plan, int batchSize, int seed, int stream)
    {
        this.clean = clean;
        this.loader = loader;
        this.plan = plan;
        this.seed = seed;
        this.stream = stream;
        mixer = new SampleMixer(clean.SampleShape);
        target = [.. Enumerable.Range(0, clean.Count).Where(i => plan.Displaces && plan.Suspicious.Contains(clean.Labels[i]))];
        weights = new double[plan.Perturbations.Count];
        for (var i = 0; i < weights.Length; i++) weights[i] = plan.Perturbations[i].Weight + (i > 0 ? weights[i - 1] : 0);
        given = GC.AllocateUninitializedArray<float>(checked(batchSize * clean.SampleLength));
        random = RandomStream.Create(seed, stream, 0);
    }

    /// <inheritdoc/>
    public void StartEpoch(int epoch)
    {
        loader.StartEpoch(epoch);
        random = RandomStream.Create(seed, stream, epoch);
        isPlain = epoch >= plan.PlainFrom;
    }

    /// <inheritdoc/>
    public TrainingBatch Load(ReadOnlySpan<int> batch)
    {
        var loaded = loader.Load(target.Length == 0 || isPlain ? batch : Repeated(batch));
        var values = loaded.Values.Span;
        var labels = loaded.Labels.Span;
        mixed.Clear();
        perturbed.Clear();
        for (var i = 0; i < labels.Length; i++)
        {
            var draw = random.NextSingle();
            if (draw < plan.PerturbedShare) perturbed.Add(i);
            else if (draw < plan.PerturbedShare + plan.MixedShare) mixed.Add(i);
        }

        var chosen = mixed.ToArray();
        mixer.Mix(values, chosen, random);
        foreach (var i in chosen) labels[i] = -1;
        var clear = given.AsMemory(0, values.Length);
        loaded.Values.CopyTo(clear);
        foreach (var i in perturbed) Perturb(values.Slice(i * clean.SampleLength, clean.SampleLength), labels[i]);
        return loaded with { Given = clear, Displacement = Displacement() };
    }

    // A perturbation means nothing to a sample that is of its class already.
    private void Perturb(Span<float> sample, long label)
    {
        var (choice, strength) = (random.NextDouble(), random.NextSingle());
        if (isPlain || weights.Length == 0) return;
        var (goal, perturbation, _) = plan.Perturbations[Array.FindIndex(weights, sum => choice * weights[^1] < sum)];
        if (!goal.Concerns(label)) return;
        if (perturbation.Kind == PerturbationKind.Smooth) Fade(sample, MostFading * random.NextSingle());
        perturbation.Apply(sample, plan.Range, LeastScale + ((MostScale - LeastScale) * strength));
    }

    // Toward the mean of the sample.
    private static void Fade(Span<float> sample, float share)
    {
        var mean = TensorPrimitives.Sum<float>(sample) / sample.Length;
        TensorPrimitives.Multiply(sample, 1f - share, sample);
        TensorPrimitives.Add(sample, share * mean, sample);
    }

    private float Displacement()
    {
        var (draw, length) = (random.NextSingle(), random.NextSingle());
        return plan.Displaces && !isPlain && draw < plan.DisplacedShare ? plan.LargestDisplacement * length : 0f;
    }

    // Displaced steps pull away from the suspicious classes; their samples come more often to keep them.
    private int[] Repeated(ReadOnlySpan<int> batch)
    {
        var numbers = batch.ToArray();
        for (var i = 0; i < numbers.Length; i++)
        {
            if (random.NextSingle() < plan.RepeatedShare) numbers[i] = target[random.Next(target.Length)];
        }

        return numbers;
    }
}
