using TorchSharp;
using static TorchSharp.torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>Puts a module into evaluation mode without gradients; on disposal every module within is in the mode that it was in.</summary>
internal sealed class EvaluationMode : IDisposable
{
    private readonly List<(nn.Module Module, bool Training)> modes = [];
    private readonly IDisposable noGradients = no_grad();

    public EvaluationMode(nn.Module module)
    {
        modes.Add((module, module.training));
        foreach (var (_, inner) in module.named_modules()) modes.Add((inner, inner.training));
        module.eval();
    }

    public void Dispose()
    {
        // Outer modules first: they pass their mode on.
        foreach (var (module, training) in modes) module.train(training);
        noGradients.Dispose();
    }
}
