namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A module under the path by which the root reaches it.</summary>
/// <param name="Object">The module.</param>
/// <param name="Path">The path; empty for the root.</param>
internal sealed record ScriptModule(ScriptObject Object, string Path)
{
    /// <summary>The name of an attribute in the root's state dict.</summary>
    public string NameOf(string attribute) => Path.Length == 0 ? attribute : $"{Path}.{attribute}";
}
