using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>The names in the pickles of a TorchScript archive: its own classes, which become plain <see cref="ScriptObject"/>s, typed lists, and what a state dict holds.</summary>
/// <param name="tensors">The names of tensors and containers.</param>
internal sealed class ScriptGlobals(TorchGlobals tensors) : IPickleGlobals
{
    private const string Prefix = "__torch__.";

    private static readonly PickleFunction TypedList = new("torch.jit._pickle.build_list", (reader, arguments) =>
        arguments is [var list, ..] ? list : throw PickleFunction.BadArguments(reader, "torch.jit._pickle"));

    /// <inheritdoc/>
    public bool OldStringsAreText => true;

    /// <inheritdoc/>
    public object? Find(string module, string name) => module switch
    {
        _ when module.StartsWith(Prefix, StringComparison.Ordinal) || module == Prefix[..^1] => new PickleFunction(name, (_, _) => new Unfinished($"{module}.{name}")),
        "torch.jit._pickle" when name is "build_intlist" or "build_doublelist" or "build_boollist" or "build_tensorlist" or "restore_type_tag" => TypedList,
        _ => tensors.Find(module, name),
    };

    /// <inheritdoc/>
    public object PersistentObject(PickleReader reader, object? id) => tensors.PersistentObject(reader, id);

    private sealed class Unfinished(string className) : PickleUnfinished
    {
        public override object Finish(PickleReader reader, object? state)
        {
            if (state is not OrderedDictionary<object, object?> attributes || attributes.Keys.Any(k => k is not string))
                throw reader.Error("the state of a module is no dictionary of its attributes; the file is damaged");
            return new ScriptObject(className, attributes.ToDictionary(a => (string)a.Key, a => a.Value, StringComparer.Ordinal));
        }
    }
}
