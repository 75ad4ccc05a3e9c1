using System.Numerics;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// Reads the older layout of <c>torch.save</c>: pickles of a magic number, the protocol version, the system and the
/// object, then the keys of the storages, then for each its number of elements and its bytes.
/// </summary>
internal static class TorchLegacyReader
{
    private const long ProtocolVersion = 1001;

    private static readonly BigInteger Magic = BigInteger.Parse("119547037146038801333356", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether a file starts as a pickle of the magic number does, in protocol 2 or later.</summary>
    public static bool Detect(ReadOnlySpan<byte> start) => start is [0x80, >= 2 and <= 5, ..];

    /// <summary>Reads the pickled object with its tensors.</summary>
    /// <param name="stream">The file, at its start.</param>
    /// <param name="name">File, for errors.</param>
    public static object? Read(Stream stream, string name)
    {
        var input = new PickleInput(stream, stream.Length, name, CheckpointFile.Error);
        if (Plain(input) is not BigInteger magic || magic != Magic)
            throw new CheckpointException($"{name} is a pickle that torch.save did not write; save model.state_dict() with torch.save");
        if (Plain(input) is not ProtocolVersion)
            throw new CheckpointException($"{name} has an unknown version of the older torch.save layout; save it anew with a current PyTorch");
        _ = Plain(input) as OrderedDictionary<object, object?>
            ?? throw new CheckpointException($"{name} does not describe the system it was written on; the file is damaged");
        var globals = new TorchGlobals(stream.Length, (reader, key, length) => Claim(input, length));
        var root = new PickleReader(input, globals).Read();
        FillStorages(input, globals);
        return root;
    }

    private static TensorStorage Claim(PickleInput input, long length)
    {
        input.Require(length);
        return new TensorStorage(length);
    }

    private static void FillStorages(PickleInput input, TorchGlobals globals)
    {
        if (Plain(input) is not List<object?> keys)
            throw input.Error("the keys of the storages are missing; the file is damaged");
        foreach (var item in keys)
        {
            if (item is not string key || !globals.Storages.TryGetValue(key, out var storage) || storage.IsFilled)
                throw input.Error("a storage is stored that no tensor refers to, or twice; the file is damaged");
            var count = input.ReadNumber(8);
            if (count > storage.Length || (count == 0) != (storage.Length == 0) || (count > 0 && storage.Length % count != 0))
                throw input.Error($"a storage of {storage.Length} bytes is stored with {count} elements; the file is damaged");
            storage.Fill(input.ReadBytes(storage.Length));
        }

        if (globals.Storages.Values.Any(storage => !storage.IsFilled))
            throw input.Error("a tensor's storage is missing; the file is truncated or damaged");
        if (input.Remaining > 0)
            throw input.Error("more data follow the last storage; the file is damaged");
    }

    private static object? Plain(PickleInput input) => new PickleReader(input, NoGlobals.Instance).Read();

    private sealed class NoGlobals : IPickleGlobals
    {
        public static readonly NoGlobals Instance = new();

        public bool OldStringsAreText => true;

        public object? Find(string module, string name) => null;

        public object PersistentObject(PickleReader reader, object? id) =>
            throw reader.Error("the header refers to something outside it; the file is damaged");
    }
}
