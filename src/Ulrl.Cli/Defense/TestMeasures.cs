using Ulrl.Training.Evaluation;

namespace Ulrl.Cli.Defense;

/// <summary>Measures of a model on the clean and the poisoned test set.</summary>
/// <param name="Clean">On the clean one.</param>
/// <param name="Attack">On the poisoned one.</param>
/// <param name="PoisonedLoss">Mean cross-entropy of the poisoned one to the classes that the attack wants.</param>
internal sealed record TestMeasures(CleanResult Clean, AttackResult Attack, double PoisonedLoss);
