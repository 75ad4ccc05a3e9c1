using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Runtime;

/// <summary>What an engine trains, and where.</summary>
/// <param name="Forward">The network; its initializers are the starting state.</param>
/// <param name="Probe">Shapes of its tensors.</param>
/// <param name="SampleShape">Dimensions of one sample.</param>
/// <param name="Options">Objective, mode, dropout seed and which parameters train.</param>
/// <param name="Device">A device that the engine has settled.</param>
/// <param name="Threads">CPU threads; 0 for one per core.</param>
internal sealed record TrainingSetup(
    ForwardGraph Forward, Probe Probe, IReadOnlyList<int> SampleShape, TrainingGraphOptions Options, Device Device, int Threads);
