namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A scripted class.</summary>
/// <param name="File">Its file in the archive.</param>
/// <param name="Parameters">Attributes that are parameters.</param>
/// <param name="Methods">Its methods by name.</param>
internal sealed record ScriptClass(string File, IReadOnlySet<string> Parameters, IReadOnlyDictionary<string, ScriptMethod> Methods);
