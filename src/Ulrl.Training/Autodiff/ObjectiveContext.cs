namespace Ulrl.Training.Autodiff;

/// <summary>What an objective is made from.</summary>
/// <param name="B">Builder of the training graph.</param>
/// <param name="Logits">Logits of the batch, [batch, classes].</param>
/// <param name="Labels">Labels of the batch, int64 [batch].</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="ParameterShape">Shape of a parameter by name.</param>
internal sealed record ObjectiveContext(GraphBuilder B, Value Logits, Value Labels, long Classes, Func<string, long[]> ParameterShape)
{
    /// <summary>Logits of the given model on its values of the batch, [batch, classes], where <see cref="IObjective.NeedsGivenLogits"/> asks for them.</summary>
    public Value GivenLogits { get; init; }

    /// <summary>The batch, as the network reads it.</summary>
    public Value Samples { get; init; }

    /// <summary>What the given model is asked about, of the same shape, where it is asked.</summary>
    public Value GivenSamples { get; init; }

    /// <summary>The current value of a parameter.</summary>
    public Value Parameter(string name) => B[name];
}
