namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A module of the archive: its class and its attributes.</summary>
/// <param name="ClassName">Qualified name of its class, e.g. <c>__torch__.torch.nn.modules.conv.Conv2d</c>.</param>
/// <param name="Attributes">Attributes by name: tensors, modules, plain values.</param>
internal sealed record ScriptObject(string ClassName, IReadOnlyDictionary<string, object?> Attributes);
