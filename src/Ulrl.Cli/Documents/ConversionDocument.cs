namespace Ulrl.Cli.Documents;

/// <summary>What <c>ulrl convert --json</c> prints; the input shape is [channels, height, width].</summary>
internal sealed record ConversionDocument(string Out, string Format, string Architecture, int Classes, IReadOnlyList<int> InputShape, long Values);
