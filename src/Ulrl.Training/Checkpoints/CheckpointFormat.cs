namespace Ulrl.Training.Checkpoints;

/// <summary>How a checkpoint is stored.</summary>
public enum CheckpointFormat
{
    /// <summary>Zip archive of <c>torch.save</c> since PyTorch 1.6.</summary>
    TorchZip,

    /// <summary>Pickle followed by raw storages, as <c>torch.save</c> wrote before PyTorch 1.6 and still does on request.</summary>
    TorchLegacy,

    /// <summary>The safetensors format.</summary>
    SafeTensors,

    /// <summary>What TorchSharp's <c>module.save</c> writes, usually .dat.</summary>
    TorchSharp,
}
