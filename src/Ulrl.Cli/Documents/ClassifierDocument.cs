namespace Ulrl.Cli.Documents;

/// <summary>The classifier layer in machine output.</summary>
internal sealed record ClassifierDocument(string Weight, string? Bias, string Operator, string Node, int Neurons, int Features);
