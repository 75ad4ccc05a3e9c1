using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Methods;

/// <summary>
/// FT-SAM: fine-tuning by adaptive sharpness-aware minimisation (Zhu et al. 2023, Enhancing Fine-Tuning Based Backdoor Defense with
/// Sharpness-Aware Minimization, arXiv 2304.11823). Every step descends along the gradient at w + ρ · w² · g / ‖w · g‖.
/// </summary>
/// <remarks>
/// Constants as BackdoorBench publishes them for CIFAR-10 (<c>config/defense/ft-sam/cifar10.yaml</c>): 100 epochs, batches of 256, learning
/// rate 0.01, weight decay 0.0005, ρ 2, label smoothing 0.1. The second pass leaves the running statistics alone. The learning rate is
/// annealed once over the run; BackdoorBench advances a cosine of period 200 by one per step.
/// </remarks>
/// <param name="tuning">Epochs, batch and rates; null for the published ones.</param>
internal sealed class SharpnessAwareFineTuning(FineTuning? tuning = null) : IMethod
{
    private const float Rho = 2f;
    private const float Smoothing = 0.1f;
    private readonly FineTuning tuning = tuning ?? new FineTuning { Epochs = 100, BatchSize = 256, LearningRate = 0.01f, WeightDecay = 5e-4f };

    public string Name => "FT-SAM";

    public string Settings => "published";

    public MethodResult Purify(OnnxModel model, LabeledSamples clean, int seed, int threads, CancellationToken cancellation)
    {
        using var session = FineTuning.Open(model, clean, new SmoothedCrossEntropy(Smoothing), threads);
        tuning.Run(session, clean, seed, Gradients, static () => { }, cancellation);
        return new MethodResult(session.ToModel(model), []);

        IReadOnlyDictionary<string, float[]> Gradients(Memory<float> values, Memory<long> labels)
        {
            var (_, gradients) = session.Compute(values, labels, updateStatistics: true);
            var given = session.Parameters.ToDictionary(name => name, name => (float[])session.Values[name].Clone(), StringComparer.Ordinal);
            Climb(session, gradients, Rho);
            var (_, sharp) = session.Compute(values, labels, updateStatistics: false);
            foreach (var (name, before) in given) before.CopyTo(session.Values[name], 0);
            return sharp;
        }
    }

    /// <summary>Moves the weights up the loss by ρ · w² · g / ‖w · g‖ (Kwon et al. 2021, ASAM, arXiv 2102.11600).</summary>
    internal static void Climb(GradientSession session, IReadOnlyDictionary<string, float[]> gradients, float rho)
    {
        var squares = 0.0;
        foreach (var (name, gradient) in gradients)
        {
            var weights = session.Values[name];
            for (var i = 0; i < gradient.Length; i++) squares += (double)(weights[i] * gradient[i]) * (weights[i] * gradient[i]);
        }

        var scale = (float)(rho / (Math.Sqrt(squares) + 1e-12));
        foreach (var (name, gradient) in gradients)
        {
            var weights = session.Values[name];
            for (var i = 0; i < gradient.Length; i++) weights[i] += scale * gradient[i] * weights[i] * weights[i];
        }
    }
}
