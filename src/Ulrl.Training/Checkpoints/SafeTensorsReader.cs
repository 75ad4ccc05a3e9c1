using System.Text.Json;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// Reads the safetensors format: length of the header, a JSON header of dtype, shape and data_offsets by tensor
/// name, then the data, which must be covered without gap or overlap.
/// </summary>
internal static class SafeTensorsReader
{
    // As the reference implementation.
    private const long MaxHeaderBytes = 100_000_000;
    private const string Metadata = "__metadata__";

    /// <summary>Whether a file starts as this format does: eight bytes of length, then an object.</summary>
    public static bool Detect(ReadOnlySpan<byte> start) => start is [_, _, _, _, _, 0, 0, 0, (byte)'{', ..];

    /// <summary>Reads the tensors, and the metadata as texts, as one dictionary.</summary>
    /// <param name="stream">The file, at its start.</param>
    /// <param name="name">File, for errors.</param>
    public static OrderedDictionary<object, object?> Read(Stream stream, string name)
    {
        var input = new PickleInput(stream, stream.Length, name, CheckpointFile.Error);
        var length = input.ReadNumber(8);
        if (length > MaxHeaderBytes)
            throw input.Error($"a header of {length} bytes is claimed; the file is damaged or no safetensors file");
        var header = input.ReadBytes(length);
        try
        {
            using var document = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            return Read(document.RootElement, input);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A string that is no Unicode, such as half a surrogate pair, shows only when it is taken out.
            throw input.Error("the safetensors header is no valid JSON, or names something twice; the file is damaged", e);
        }
    }

    private static OrderedDictionary<object, object?> Read(JsonElement header, PickleInput input)
    {
        if (header.ValueKind != JsonValueKind.Object)
            throw input.Error("the safetensors header is no JSON object; the file is damaged");
        var result = PickleReader.NewDictionary();
        var entries = new List<(string Name, Entry Entry)>();
        foreach (var property in header.EnumerateObject())
        {
            if (property.NameEquals(Metadata))
            {
                ReadMetadata(property.Value, result, input);
                continue;
            }

            entries.Add((property.Name, Entry.Parse(property.Value, input)));
            result[property.Name] = null;
        }

        var budget = new SizeBudget(input.Length);
        long position = 0;
        foreach (var (name, entry) in entries.OrderBy(item => item.Entry.Begin).ThenBy(item => item.Entry.End))
        {
            if (entry.Begin != position)
                throw input.Error("the data of the tensors overlap or leave gaps; the file is damaged");
            budget.Charge(input.Where, entry.Count * sizeof(float));
            var storage = new TensorStorage(entry.End - entry.Begin);
            storage.Fill(input.ReadBytes(storage.Length));
            result[name] = new CheckpointTensor(storage, entry.Type, 0, entry.Shape, TensorLayout.RowMajor(entry.Shape), entry.Count);
            position = entry.End;
        }

        if (input.Remaining > 0)
            throw input.Error("more data follow the last tensor; the file is damaged");
        return result;
    }

    private static void ReadMetadata(JsonElement metadata, OrderedDictionary<object, object?> result, PickleInput input)
    {
        if (metadata.ValueKind != JsonValueKind.Object || metadata.EnumerateObject().Any(item => item.Value.ValueKind != JsonValueKind.String))
            throw input.Error("the safetensors metadata are no texts; the file is damaged");
        var texts = PickleReader.NewDictionary();
        foreach (var item in metadata.EnumerateObject())
            texts[item.Name] = item.Value.GetString();
        result[Metadata] = texts;
    }

    private sealed record Entry(Onnx.OnnxElementType Type, long[] Shape, long Count, long Begin, long End)
    {
        public static Entry Parse(JsonElement value, PickleInput input)
        {
            if (value.ValueKind != JsonValueKind.Object
                || !value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String
                || !value.TryGetProperty("shape", out var shape) || Numbers(shape) is not { Length: <= TensorLayout.MaxRank } sizes
                || !value.TryGetProperty("data_offsets", out var offsets) || Numbers(offsets) is not [var begin, var end])
                throw input.Error("a tensor's header is not a dtype, a shape and two offsets; the file is damaged");
            if (ElementTypes.OfSafeTensors(dtype.GetString()!) is not { } type)
                throw input.Error($"a tensor has dtype {new string([.. dtype.GetString()!.Take(20).Where(char.IsAsciiLetterOrDigit)])}, which is not read; convert it to F32, F16 or BF16 first");
            if (TensorLayout.Count(sizes) is not { } count || count > Array.MaxLength / ElementTypes.Size(type))
                throw input.Error($"a tensor of shape [{string.Join(", ", sizes)}] is more than one array can hold; the file is damaged");
            if (begin > end || end - begin != count * ElementTypes.Size(type))
                throw input.Error($"a tensor of shape [{string.Join(", ", sizes)}] has the offsets {begin} and {end}, which do not hold it; the file is damaged");
            return new Entry(type, sizes, count, begin, end);
        }

        private static long[]? Numbers(JsonElement array)
        {
            if (array.ValueKind != JsonValueKind.Array)
                return null;
            var numbers = new long[array.GetArrayLength()];
            for (var i = 0; i < numbers.Length; i++)
            {
                if (array[i].ValueKind != JsonValueKind.Number || !array[i].TryGetInt64(out numbers[i]) || numbers[i] < 0)
                    return null;
            }

            return numbers;
        }
    }
}
