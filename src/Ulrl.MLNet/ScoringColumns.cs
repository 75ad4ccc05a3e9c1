namespace Ulrl.MLNet;

/// <summary>Names of the columns that a transformer reads and writes.</summary>
/// <param name="Input">Samples.</param>
/// <param name="Score">What the model answers.</param>
/// <param name="Probability">Softmax of the logits; null for no such column.</param>
/// <param name="PredictedLabel">The class of the highest score; null for no such column.</param>
internal sealed record ScoringColumns(string Input, string Score, string? Probability, string? PredictedLabel)
{
    /// <summary>The column with the number of the predicted class, inside the saved pipeline only.</summary>
    public string ClassIndex => PredictedLabel + ".class-index";

    /// <summary>The column with a scalar made of <see cref="ClassIndex"/>, inside the saved pipeline only.</summary>
    public string ClassHash => PredictedLabel + ".class-hash";

    /// <summary>The columns that users see.</summary>
    public IReadOnlyList<string> Outputs => [.. new[] { Score, Probability, PredictedLabel }.OfType<string>()];

    /// <summary>The outputs of the scoring model.</summary>
    public IReadOnlyList<string> Tensors => [.. new[] { Score, Probability, PredictedLabel is null ? null : ClassIndex }.OfType<string>()];
}
