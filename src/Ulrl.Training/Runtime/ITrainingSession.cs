namespace Ulrl.Training.Runtime;

/// <summary>Trains a network step by step. Its state lives where the engine computes.</summary>
internal interface ITrainingSession : IDisposable
{
    /// <summary>Initializers that the loss depends on and that train.</summary>
    IReadOnlyList<string> Parameters { get; }

    /// <summary>Starts again from the model's values, momenta at zero.</summary>
    /// <param name="replaced">Values of initializers that start from others; null for none.</param>
    void Reset(IReadOnlyDictionary<string, float[]>? replaced = null);

    /// <summary>Takes one step.</summary>
    /// <param name="values">The batch, sample after sample.</param>
    /// <param name="labels">Its labels; −1 for a sample without one, which has no part in the cross-entropy and in the accuracy.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    /// <param name="given">
    /// What the given model is asked about where the objective distils from it (<see cref="Autodiff.Distillation"/>), as long as <paramref name="values"/>;
    /// empty, the default, for the batch itself.
    /// </param>
    /// <param name="cancellation">Stops the step while it runs.</param>
    /// <exception cref="OperationCanceledException">The step was cancelled; <see cref="Reset"/> before another one.</exception>
    StepResult Step(Memory<float> values, Memory<long> labels, float learningRate, Memory<float> given = default, CancellationToken cancellation = default);

    /// <summary>Moves parameters along a direction; momenta and running statistics stay.</summary>
    /// <param name="direction">Values by parameter name; a parameter that is not named stays.</param>
    /// <param name="factor">How far.</param>
    void Shift(IReadOnlyDictionary<string, float[]> direction, float factor);

    /// <summary>The current values of every parameter and running statistic, by initializer name.</summary>
    IReadOnlyDictionary<string, float[]> ReadState();
}
