using Ulrl.Training.Autodiff;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Purification;

namespace Ulrl.Efficacy.Attacks;

/// <summary>
/// TrojanNN: a patch whose pixels excite one neuron of a clean network, the feature before the classifier layer with the largest weights
/// (Liu et al. 2018, Trojaning Attack on Neural Networks, NDSS: gradient descent on the patch alone).
/// </summary>
internal static class TrojanAttack
{
    private const int Size = 7;
    private const int Steps = 30;
    private const int Images = 16;
    private const float StepSize = 0.1f;
    private const int Stream = 44;

    /// <summary>Optimises the patch in the lower right corner against the context's clean model.</summary>
    public static IAttack Against(AttackContext context)
    {
        var shape = ImageShape.Cifar;
        var samples = context.Samples.Take(Images);
        using var gradients = new InputGradients(WithFeatureAsLogit(context.CleanModel), shape, context.Normalization, new LargestLogit(0), context.Threads);
        var random = RandomStream.Create(0, Stream, 0);
        var patch = new float[shape.Length];
        var inside = new bool[shape.Length];
        for (var i = 0; i < patch.Length; i++)
        {
            inside[i] = i / shape.Width % shape.Height >= shape.Height - Size - 1 && i / shape.Width % shape.Height < shape.Height - 1
                && i % shape.Width >= shape.Width - Size - 1 && i % shape.Width < shape.Width - 1;
            patch[i] = random.NextSingle();
        }

        var attack = new PatchAttack(patch, inside);
        var images = new float[samples.Values.Length];
        for (var step = 0; step < Steps; step++)
        {
            for (var i = 0; i < samples.Count; i++) attack.Apply(samples.Sample(i), images.AsSpan(i * shape.Length, shape.Length));
            var gradient = gradients.Of(images, samples.Labels);
            for (var i = 0; i < patch.Length; i++) patch[i] = Math.Clamp(patch[i] - (StepSize * MathF.Sign(gradient[i])), 0f, 1f);
        }

        return attack;
    }

    /// <summary>The network with the chosen neuron as its first logit, all others 0.</summary>
    internal static OnnxModel WithFeatureAsLogit(OnnxModel model)
    {
        var copy = model.Clone();
        var layer = ClassifierLayer.Find(copy);
        var tensor = copy.Proto.Graph.Initializer.Single(t => t.Name == layer.Weight);
        var weights = TensorData.ReadFloats(tensor);
        var feature = Enumerable.Range(0, layer.Features).MaxBy(f => Enumerable.Range(0, layer.Classes).Sum(c => MathF.Abs(weights[layer.Index(c, f)])));
        Array.Clear(weights);
        weights[layer.Index(0, feature)] = 1f;
        TensorData.WriteFloats(tensor, weights);
        return copy;
    }
}
