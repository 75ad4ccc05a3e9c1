namespace Ulrl.Training.Autodiff;

/// <summary>How batch-norm and dropout behave in a forward pass.</summary>
public enum NetworkMode
{
    /// <summary>Batch-norm by its running statistics, no dropout (<c>module.eval()</c> in PyTorch).</summary>
    Evaluate,

    /// <summary>Batch-norm by the batch's statistics, dropout on (<c>module.train()</c> in PyTorch).</summary>
    Train,
}
