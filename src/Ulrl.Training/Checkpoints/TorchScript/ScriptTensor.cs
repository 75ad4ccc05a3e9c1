using Ulrl.Training.Torch;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>
/// A tensor of the running method. Operators that end in an underscore change it in place; views share its memory, and one that was
/// read before such a change no longer stands for what PyTorch would see.
/// </summary>
internal sealed class ScriptTensor
{
    private readonly Memory memory;
    private TorchTensor tensor;
    private int version;

    public ScriptTensor(TorchTensor tensor, ScriptTensor? viewOf = null)
    {
        this.tensor = tensor;
        memory = viewOf?.memory ?? new Memory();
        version = memory.Version;
    }

    /// <summary>Whether it is as it was when it was read.</summary>
    public bool IsCurrent => version == memory.Version;

    public TorchTensor Tensor => tensor;

    /// <summary>Changes it in place.</summary>
    public ScriptTensor Change(TorchTensor changed)
    {
        tensor = changed;
        version = ++memory.Version;
        return this;
    }

    private sealed class Memory
    {
        public int Version { get; set; }
    }
}
