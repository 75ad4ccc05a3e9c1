using System.Numerics.Tensors;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Runtime;

namespace Ulrl.Training.Purification;

/// <summary>Gradients by a perturbation that all samples of a batch share, on a network that does not change.</summary>
internal sealed class PerturbationGradient : IDisposable
{
    private readonly ITrainingSession session;
    private readonly PerturbedInput input;
    private readonly SampleRange range;
    private float[] buffer = [];

    /// <summary>Opens a training session in which only the perturbation trains.</summary>
    /// <param name="model">The given model. It is not changed.</param>
    /// <param name="outputName">Its output that holds the logits or probabilities; null for the first.</param>
    /// <param name="range">Shape of the samples, and what perturbed ones are clipped to.</param>
    /// <param name="engine">What computes.</param>
    /// <param name="device">A device that the engine has settled.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between input and logits cannot be differentiated.</exception>
    /// <exception cref="InvalidModelException">The model is no classifier with one data input, or its answers do not depend on it smoothly.</exception>
    public PerturbationGradient(OnnxModel model, string? outputName, SampleRange range, TrainingEngine engine, Device device, int threads)
    {
        this.range = range;
        input = PerturbedInput.Of(model, range.SampleShape, outputName, warps: range.IsPicture);
        var forward = ForwardGraph.Create(input.Model, outputName);
        if (GradientPath.Check(forward.Graph, forward.Logits, [input.Perturbation], _ => forward.ModelOpset).Count == 0)
        {
            throw new InvalidModelException($"{model.Label}: no gradient passes from the logits to input '{forward.Io.InputName}', since an operator between them rounds or compares; export the model without its preprocessing.");
        }

        var options = new TrainingGraphOptions { Objective = new CrossEntropy(), Mode = NetworkMode.Evaluate, Trains = name => name == input.Perturbation || input.Field.Contains(name) };
        var setup = new TrainingSetup(forward, Prober.Run(forward, range.SampleShape), range.SampleShape, options, device, threads);
        session = engine.Open(setup, new SgdOptions(0f, 0f, null));
    }

    /// <summary>
    /// Gradient of the mean cross-entropy toward given classes by the values of a perturbation, and the share of the samples that the model sends there. The
    /// perturbed samples are clipped to the range; the gradient passes straight through.
    /// </summary>
    /// <param name="samples">The batch without the perturbation, sample after sample.</param>
    /// <param name="targets">The class that each is to be led to.</param>
    /// <param name="perturbation">What is done to every sample.</param>
    /// <param name="cancellation">Stops the computation.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public (float[] Gradient, double Success) Compute(ReadOnlySpan<float> samples, long[] targets, SharedPerturbation perturbation, CancellationToken cancellation = default)
    {
        if (buffer.Length < samples.Length) buffer = new float[samples.Length];
        var perturbed = buffer.AsMemory(0, samples.Length);
        samples.CopyTo(perturbed.Span);
        for (var start = 0; start < samples.Length; start += range.SampleLength) perturbation.Apply(perturbed.Span.Slice(start, range.SampleLength), range);

        // The session's own perturbation starts from zero, so that a step of rate 1 leaves the gradient itself there, to the last bit.
        session.Reset();
        var result = session.Step(perturbed, targets, 1f, cancellation: cancellation);
        var state = session.ReadState();
        float[] gradient = perturbation.Kind == PerturbationKind.Warp ? [.. input.Field.SelectMany(part => state[part])] : state[input.Perturbation];
        TensorPrimitives.Negate(gradient, gradient);
        return (gradient, (double)result.Correct / result.Count);
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
