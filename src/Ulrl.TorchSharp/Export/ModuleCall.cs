using TorchSharp;
using Ulrl.Training.Torch;

namespace Ulrl.TorchSharp.Export;

/// <summary>One call of a module, as it was written.</summary>
/// <param name="Path">Path of the module.</param>
/// <param name="Module">The module.</param>
/// <param name="Inputs">Its inputs.</param>
/// <param name="Output">Its output.</param>
internal sealed record ModuleCall(string Path, torch.nn.Module Module, TorchTensor[] Inputs, TorchTensor Output);
