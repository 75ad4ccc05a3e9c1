namespace Ulrl.Training.Autodiff;

/// <summary>What a state tensor holds.</summary>
internal enum StateKind
{
    Parameter,
    Momentum,
    RunningStatistic,
}
