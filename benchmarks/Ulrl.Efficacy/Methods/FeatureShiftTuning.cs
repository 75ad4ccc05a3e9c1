using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.Efficacy.Methods;

/// <summary>
/// FST, feature shift tuning (Min et al. 2023, Towards Stable Backdoor Purification through Feature Shift Tuning, arXiv 2310.01875): the
/// classifier layer starts again from random weights and is driven away from the given ones by α · ⟨w, given⟩, its norm kept, while the
/// whole network is fine-tuned.
/// </summary>
/// <remarks>
/// Constants as published for CIFAR-10 (AISafety-HKUST/stable_backdoor_purification, <c>fine_tune/ft.py</c>, and the paper): batches of 128,
/// learning rate 0.01, no weight decay, α 0.2; weights and bias of the layer uniform in ±1/√features. The published 10 epochs
/// go over 1000 samples or more and start from larger networks; these small ones take 40 over 500 samples to get their accuracy back.
/// </remarks>
/// <param name="tuning">Epochs, batch and rates; null for those above.</param>
internal sealed class FeatureShiftTuning(FineTuning? tuning = null) : IMethod
{
    private const float Alpha = 0.2f;
    private const int InitialStream = 53;
    private readonly FineTuning tuning = tuning ?? new FineTuning { Epochs = 40, BatchSize = 128, LearningRate = 0.01f, WeightDecay = 0f };

    public string Name => "FST";

    public string Settings => "40 epochs";

    public MethodResult Purify(OnnxModel model, LabeledSamples clean, int seed, int threads, CancellationToken cancellation)
    {
        var layer = ClassifierLayer.Find(model);
        using var session = FineTuning.Open(model, clean, new CrossEntropy(), threads);
        var weights = session.Values[layer.Weight];
        var given = (float[])weights.Clone();
        var norm = Norm(given);
        Initialize(session, layer, RandomStream.Create(seed, InitialStream, 0));
        tuning.Run(session, clean, seed, Gradients, KeepNorm, cancellation);
        return new MethodResult(session.ToModel(model), []);

        IReadOnlyDictionary<string, float[]> Gradients(Memory<float> values, Memory<long> labels)
        {
            var (_, gradients) = session.Compute(values, labels, updateStatistics: true);
            var gradient = gradients[layer.Weight];
            for (var i = 0; i < gradient.Length; i++) gradient[i] += Alpha * given[i];
            return gradients;
        }

        void KeepNorm()
        {
            var scale = norm / Norm(weights);
            for (var i = 0; i < weights.Length; i++) weights[i] *= scale;
        }
    }

    private static void Initialize(GradientSession session, ClassifierLayer layer, Random random)
    {
        var bound = 1f / MathF.Sqrt(layer.Features);
        foreach (var name in new[] { layer.Weight, layer.Bias }.OfType<string>())
        {
            var values = session.Values[name];
            for (var i = 0; i < values.Length; i++) values[i] = ((random.NextSingle() * 2f) - 1f) * bound;
        }
    }

    private static float Norm(float[] values) => MathF.Sqrt(values.Sum(v => v * v));
}
