namespace Ulrl.Cli.Documents;

/// <summary>Accuracy of one class in machine output; null where it has no samples.</summary>
internal sealed record ClassDocument(int Class, int Samples, double? Accuracy);
