using Ulrl.Training.Pickle;

namespace Ulrl.Training.Data;

/// <summary>A NumPy element type in a pickle.</summary>
/// <param name="Descriptor">As in .npy files, for example <c>&lt;f4</c>.</param>
/// <param name="IsBoolean">Whether it is NumPy's bool, whose values are read as bytes 0 and 1.</param>
internal sealed record NumPyType(string Descriptor, bool IsBoolean)
{
    /// <summary>Bytes of one value.</summary>
    public int Size => Descriptor[^1] - '0';

    /// <summary>A type whose byte order the pickle sets next.</summary>
    /// <param name="code">Kind and size, for example <c>f4</c>.</param>
    internal sealed class Unfinished(string code) : PickleUnfinished
    {
        /// <inheritdoc/>
        public override object Finish(PickleReader reader, object? state)
        {
            // The state of numpy.dtype: version, byte order, subtype, names, fields, item size, alignment, flags.
            if (state is not object?[] { Length: >= 5 } parts || parts[2] is not null || parts[3] is not null || parts[4] is not null)
                throw reader.Error($"numpy type '{code}' has fields or a state of an unknown version, which is refused; store plain numeric arrays");
            var order = NumPyPickle.Text(parts[1]);
            if (order is not ("<" or ">" or "|" or "="))
                throw reader.Error("a numpy type has no known byte order; the file is damaged");
            return code == "b1" ? new NumPyType("|u1", true) : new NumPyType(order + code, false);
        }
    }
}
