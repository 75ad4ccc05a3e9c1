namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>A method of a scripted class.</summary>
/// <param name="Parameters">Names of its parameters, <c>self</c> first.</param>
/// <param name="Lines">Its body: text and number of each line, parsed when it is called.</param>
internal sealed record ScriptMethod(IReadOnlyList<string> Parameters, IReadOnlyList<(string Text, int Number)> Lines);
