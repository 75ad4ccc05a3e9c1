namespace Ulrl.Training.Autodiff;

/// <summary>Stochastic gradient descent as <c>torch.optim.SGD</c> does it.</summary>
/// <param name="Momentum">Momentum, without dampening.</param>
/// <param name="WeightDecay">Added to every gradient times the parameter, after clipping.</param>
/// <param name="ClipNorm">Largest global L2 norm of all gradients (<c>torch.nn.utils.clip_grad_norm_</c>); null for none.</param>
internal sealed record SgdOptions(float Momentum, float WeightDecay, float? ClipNorm);
