namespace Ulrl.Training.Autodiff;

/// <summary>A batch-norm running statistic: the initializer's name and the tensor that replaces it after a step.</summary>
internal sealed record RunningStatistic(string Name, Value Updated);
