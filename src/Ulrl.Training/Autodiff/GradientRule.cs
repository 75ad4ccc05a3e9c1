namespace Ulrl.Training.Autodiff;

/// <summary>The gradient by one input of a node, before broadcasting is undone.</summary>
internal delegate Value InputGradient(GradientContext g);

/// <summary>The gradients by all inputs of a node; absent values where there is none.</summary>
internal delegate Value[] NodeGradient(GradientContext g);

/// <summary>How the gradient passes one operator backwards.</summary>
/// <param name="Apply">Gradients by all inputs; absent values where there is none.</param>
/// <param name="Broadcasts">Whether the gradients still have the broadcast shape of the output.</param>
/// <param name="Passes">Whether a gradient flows to the input at a position.</param>
internal sealed record GradientRule(NodeGradient Apply, bool Broadcasts, Func<int, bool> Passes);
