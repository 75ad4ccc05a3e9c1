using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Efficacy.Methods;

/// <summary>A way to take a backdoor out of a model with a few clean samples.</summary>
internal interface IMethod
{
    /// <summary>What tables call it.</summary>
    string Name { get; }

    /// <summary>Its settings but the seed as text: results are kept as long as it stays the same.</summary>
    string Settings { get; }

    /// <summary>Purifies a model.</summary>
    /// <param name="model">The model; it is not changed.</param>
    /// <param name="clean">Clean samples as the model reads them.</param>
    /// <param name="seed">Seed of every random number.</param>
    /// <param name="threads">CPU threads; 0 for one per core.</param>
    /// <param name="cancellation">Stops between steps.</param>
    MethodResult Purify(OnnxModel model, LabeledSamples clean, int seed, int threads, CancellationToken cancellation);
}
