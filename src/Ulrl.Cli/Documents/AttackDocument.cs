namespace Ulrl.Cli.Documents;

/// <summary>Measures on triggered samples in machine output.</summary>
internal sealed record AttackDocument(int? Target, int Samples, int LeftOut, double AttackSuccessRate, double RobustAccuracy);
