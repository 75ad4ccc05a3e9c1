namespace Ulrl.Training.Pickle;

/// <summary>An object that a pickle creates empty and fills by its next BUILD; until then it can be used for nothing else.</summary>
internal abstract class PickleUnfinished
{
    /// <summary>The finished object.</summary>
    /// <param name="reader">The reader that builds it.</param>
    /// <param name="state">What the pickle gives as its state.</param>
    public abstract object Finish(PickleReader reader, object? state);
}
