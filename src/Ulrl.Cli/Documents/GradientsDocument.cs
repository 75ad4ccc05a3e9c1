namespace Ulrl.Cli.Documents;

/// <summary>What <c>ulrl gradients --json</c> prints.</summary>
internal sealed record GradientsDocument(string Out, string Mode, int Samples, int Classes, float Loss, int Gradients);
