namespace Ulrl.Training.Evaluation;

/// <summary>Measures of one model.</summary>
/// <param name="Clean">On clean samples.</param>
/// <param name="Attack">On triggered samples; null where none were given.</param>
public sealed record EvaluationResult(CleanResult Clean, AttackResult? Attack);
