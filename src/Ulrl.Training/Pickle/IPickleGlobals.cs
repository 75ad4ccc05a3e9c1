namespace Ulrl.Training.Pickle;

/// <summary>What the names in a pickle stand for.</summary>
internal interface IPickleGlobals
{
    /// <summary>How strings of Python 2 are to be taken: as UTF-8 text, or as bytes.</summary>
    bool OldStringsAreText { get; }

    /// <summary>The value or <see cref="PickleFunction"/> of that name; null where it is refused.</summary>
    object? Find(string module, string name);

    /// <summary>The object kept outside the pickle under that id, for example a tensor's storage.</summary>
    object PersistentObject(PickleReader reader, object? id);
}
