using System.Text;

namespace Ulrl.Training.Checkpoints;

/// <summary>Writes the files of TorchSharp's <c>module.save</c>, byte for byte; see <see cref="TorchSharpReader"/>.</summary>
internal static class TorchSharpWriter
{
    public static void Write(Stream stream, IEnumerable<KeyValuePair<string, CheckpointTensor>> stateDict, string where)
    {
        var entries = stateDict.ToList();
        if (entries.GroupBy(e => e.Key, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new UlrlException($"{where}: two tensors are named '{twice.Key}'; names must differ.");
        using var writer = new BinaryWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        writer.Write7BitEncodedInt64(entries.Count);
        foreach (var (name, tensor) in entries)
        {
            var code = ElementTypes.TorchSharpCode(tensor.ElementType)
                ?? throw new UlrlException($"{where}: tensor '{name}' has type {tensor.ElementType}, which TorchSharp cannot read; convert it first.");
            writer.Write(name);
            writer.Write7BitEncodedInt64(code);
            writer.Write7BitEncodedInt64(tensor.Shape.Count);
            foreach (var size in tensor.Shape) writer.Write7BitEncodedInt64(size);
            writer.Write(tensor.ToBytes());
        }
    }
}
