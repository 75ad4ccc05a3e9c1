namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A statement: variables that take a value, or none; <c>return</c> where <paramref name="Returns"/>.</summary>
/// <param name="Targets">The variables; empty for a value that nobody keeps.</param>
/// <param name="Unpacks">Whether a tuple is taken apart.</param>
/// <param name="Value">The value.</param>
/// <param name="Returns">Whether the method ends here.</param>
/// <param name="Line">Its line in the file.</param>
internal sealed record ScriptStatement(IReadOnlyList<string> Targets, bool Unpacks, ScriptNode Value, bool Returns, int Line);
