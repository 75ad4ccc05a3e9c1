using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// Gradients by the image: a perturbation, added to the normalised images in the graph, stands for it as a parameter. Several images at once
/// give the gradient by what they have in common.
/// </summary>
internal sealed class InputGradients : IDisposable
{
    private readonly string perturbation;
    private readonly GradientSession session;
    private readonly ChannelNormalization normalization;
    private readonly int[] shape;

    /// <param name="model">The network.</param>
    /// <param name="shape">Shape of the images.</param>
    /// <param name="normalization">How it reads them.</param>
    /// <param name="objective">What is differentiated.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    public InputGradients(OnnxModel model, ImageShape shape, ChannelNormalization normalization, IObjective objective, int threads)
    {
        this.normalization = normalization;
        this.shape = [shape.Channels, shape.Height, shape.Width];
        var perturbed = PerturbedInput.Of(model, this.shape);
        perturbation = perturbed.Perturbation;
        var options = new TrainingGraphOptions { Objective = objective, Mode = NetworkMode.Evaluate, Trains = name => name == perturbation };
        session = new GradientSession(perturbed.Model, this.shape, options, threads);
    }

    /// <summary>Gradient of the objective's loss by the values of images before normalising, summed over the images.</summary>
    /// <param name="images">Images of values from 0 to 1, one after the other.</param>
    /// <param name="labels">Their labels.</param>
    public float[] Of(float[] images, int[] labels)
    {
        var gradient = Compute(images, labels).Gradients[perturbation];
        var plane = shape[1] * shape[2];
        for (var i = 0; i < gradient.Length; i++) gradient[i] /= normalization.Std[i / plane % normalization.Channels];
        return gradient;
    }

    /// <summary>The objective's loss on images of values from 0 to 1.</summary>
    public float LossOf(float[] images, int[] labels) => Compute(images, labels).Loss;

    private (float Loss, IReadOnlyDictionary<string, float[]> Gradients) Compute(float[] images, int[] labels)
    {
        var batch = new LabeledSamples(images, shape, labels).Normalize(normalization);
        return session.Compute(batch.Values, Array.ConvertAll(labels, label => (long)label), updateStatistics: false);
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
