namespace Ulrl.Training.Pickle;

/// <summary>Something a pickle may call by its Python name: code of this project, never code of the file.</summary>
/// <param name="name">Python name, for example <c>collections.OrderedDict</c>.</param>
/// <param name="call">Gets the reader and the arguments, gives the object.</param>
internal sealed class PickleFunction(string name, Func<PickleReader, object?[], object?> call)
{
    /// <summary>Calls it.</summary>
    public object? Call(PickleReader reader, object?[] arguments) => call(reader, arguments);

    /// <summary>The error for arguments it does not take.</summary>
    public static UlrlException BadArguments(PickleReader reader, string name) =>
        reader.Error($"{name} is given arguments it does not take; the file is damaged or written by an unknown version");

    /// <inheritdoc/>
    public override string ToString() => name;
}
