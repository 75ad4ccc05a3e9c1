using System.Text;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// Reads what TorchSharp's <c>module.save</c> writes, usually .dat: the number of entries, then of each its name, element type, rank,
/// sizes and little-endian elements. Numbers are ULEB128; there is no magic number.
/// </summary>
internal static class TorchSharpReader
{
    private const int MaxNameBytes = 4096;

    /// <summary>Whether a file can be of this format: a count, then a name of printable characters, as every other format does not begin.</summary>
    public static bool Detect(ReadOnlySpan<byte> start) =>
        ReadNumber(ref start) is > 0 && ReadNumber(ref start) is > 0 and <= MaxNameBytes && start.Length > 0 && (char.IsAsciiLetterOrDigit((char)start[0]) || start[0] == '_');

    /// <summary>Reads the tensors.</summary>
    /// <param name="stream">The file, at its start.</param>
    /// <param name="name">File, for errors.</param>
    public static OrderedDictionary<object, object?> Read(Stream stream, string name)
    {
        var input = new PickleInput(stream, stream.Length, name, CheckpointFile.Error);
        var budget = new SizeBudget(input.Length);
        var result = PickleReader.NewDictionary();
        var count = ReadNumber(input);
        for (var i = 0L; i < count; i++)
        {
            var key = ReadName(input, i);
            if (result.ContainsKey(key)) throw input.Error($"entry '{key}' comes twice; the file is damaged");
            var code = ReadNumber(input);
            var type = ElementTypes.OfTorchSharp(code) ?? throw input.Error($"entry '{key}' has element type {code}, which is not read; convert it to a float or integer type first");
            var rank = ReadNumber(input);
            if (rank > TensorLayout.MaxRank) throw input.Error($"entry '{key}' claims {rank} dimensions; the file is damaged or not one of TorchSharp's");
            var shape = new long[rank];
            for (var axis = 0; axis < shape.Length; axis++) shape[axis] = ReadNumber(input);
            if (TensorLayout.Count(shape) is not { } elements || elements > Array.MaxLength / ElementTypes.Size(type))
                throw input.Error($"entry '{key}' of shape [{string.Join(", ", shape)}] is more than one array can hold; the file is damaged");
            budget.Charge(input.Where, elements * sizeof(float));
            var storage = new TensorStorage(elements * ElementTypes.Size(type));
            storage.Fill(input.ReadBytes(storage.Length));
            result[key] = new CheckpointTensor(storage, type, 0, shape, TensorLayout.RowMajor(shape), elements);
        }

        if (input.Remaining > 0) throw input.Error("more data follow the last entry; the file is damaged or not one of TorchSharp's");
        return result;
    }

    private static string ReadName(PickleInput input, long entry)
    {
        var length = ReadNumber(input);
        if (length > MaxNameBytes) throw input.Error($"the name of entry {entry} claims {length} bytes; the file is damaged or not one of TorchSharp's");
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(input.ReadBytes(length));
        }
        catch (DecoderFallbackException e)
        {
            throw input.Error($"the name of entry {entry} is no UTF-8; the file is damaged or not one of TorchSharp's", e);
        }
    }

    private static long ReadNumber(PickleInput input)
    {
        var number = 0L;
        for (var shift = 0; shift < 63; shift += 7)
        {
            var value = input.ReadByte();
            number |= (long)(value & 0x7F) << shift;
            if (value < 0x80) return number;
        }

        throw input.Error("a number of more than 63 bits is claimed; the file is damaged or not one of TorchSharp's");
    }

    private static long? ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        var number = 0L;
        for (var i = 0; i < Math.Min(bytes.Length, 9); i++)
        {
            number |= (long)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] >= 0x80) continue;
            bytes = bytes[(i + 1)..];
            return number;
        }

        return null;
    }
}
