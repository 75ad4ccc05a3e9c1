using Ulrl.Training.Autodiff;

namespace Ulrl.Training.Tests.Autodiff.Gradients;

/// <summary>An operator with its attributes and operands at one opset, to be checked by finite differences.</summary>
/// <param name="Name">What the test is called.</param>
/// <param name="Opset">Opset whose syntax <paramref name="Build"/> writes.</param>
/// <param name="Build">Emits the operator; the results that flow to the loss.</param>
internal sealed record GradientCase(string Name, long Opset, Func<CaseGraph, Value[]> Build)
{
    /// <summary>The same function spelled out in other operators, where the runtime's own forward pass is not what trains.</summary>
    public Func<CaseGraph, Value[]>? Reference { get; init; }

    public NetworkMode Mode { get; init; } = NetworkMode.Evaluate;

    /// <summary>Parameters whose gradient is zero everywhere.</summary>
    public IReadOnlyCollection<string> Zero { get; init; } = [];
}
