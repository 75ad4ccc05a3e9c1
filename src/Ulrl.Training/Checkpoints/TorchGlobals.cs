using Ulrl.Training.Data;
using Ulrl.Training.Onnx;
using Ulrl.Training.Pickle;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// The names in a pickle of <c>torch.save</c>: tensors, parameters, storages, sizes, devices and dtypes, besides
/// plain containers and NumPy arrays. Devices and dtypes become text (<c>cuda:0</c>, <c>torch.float32</c>).
/// </summary>
/// <param name="fileLength">Length of the file on disk, in bytes, which bounds the tensors.</param>
/// <param name="open">Gives the storage of a key, of so many bytes; called once per key.</param>
internal sealed class TorchGlobals(long fileLength, Func<PickleReader, string, long, TensorStorage> open) : IPickleGlobals
{
    private const int ValueBytes = sizeof(float);

    private static readonly PickleFunction Parameter = new("torch._utils._rebuild_parameter", RebuildParameter);
    private static readonly PickleFunction Size = new("torch.Size", (reader, arguments) =>
        arguments is [IReadOnlyList<object?> sizes] ? sizes as object?[] ?? [.. sizes] : throw PickleFunction.BadArguments(reader, "torch.Size"));

    private static readonly PickleFunction Device = new("torch.device", (reader, arguments) => arguments switch
    {
        [string type] => type,
        [string type, long index] => $"{type}:{index}",
        _ => throw PickleFunction.BadArguments(reader, "torch.device"),
    });

    private readonly Dictionary<string, TensorStorage> storages = new(StringComparer.Ordinal);
    private readonly SizeBudget tensors = new(fileLength);

    /// <inheritdoc/>
    public bool OldStringsAreText => true;

    /// <summary>The storages the pickle refers to, by key.</summary>
    public IReadOnlyDictionary<string, TensorStorage> Storages => storages;

    /// <inheritdoc/>
    public object? Find(string module, string name) => module switch
    {
        "torch._utils" => name switch
        {
            "_rebuild_tensor" or "_rebuild_tensor_v2" or "_rebuild_tensor_v3" => new PickleFunction($"{module}.{name}", Rebuild),
            "_rebuild_parameter" or "_rebuild_parameter_with_state" => Parameter,
            _ => null,
        },
        "torch" => name switch
        {
            "Size" => Size,
            "device" => Device,
            _ when ElementTypes.OfStorage(name) is { } type => new StorageClass(type),
            _ when IsTypeName(name) => $"{module}.{name}",
            _ => null,
        },
        "torch.storage" when name == "UntypedStorage" => new StorageClass((OnnxElementType?)null),
        _ => PlainGlobals.Find(module, name) ?? NumPyPickle.Find(module, name),
    };

    /// <inheritdoc/>
    public object PersistentObject(PickleReader reader, object? id)
    {
        if (id is not object?[] { Length: 5 or 6 } parts || parts[0] is not "storage"
            || parts[1] is not StorageClass type || parts[2] is not string key || parts[4] is not long count || count < 0)
            throw reader.Error("the file refers to something outside the pickle that is no storage; save the model's state_dict()");
        if (count > Array.MaxLength / type.ElementBytes)
            throw reader.Error($"a storage of {count} elements is claimed, more than one array can hold; the file is damaged");
        var length = count * type.ElementBytes;
        if (!storages.TryGetValue(key, out var storage))
            storages[key] = storage = open(reader, key, length);
        if (storage.Length != length)
            throw reader.Error($"a storage is claimed with {length} and with {storage.Length} bytes; the file is damaged");
        return parts.Length == 6 && parts[5] is not null
            ? View(reader, storage, type, parts[5])
            : new StorageView(storage, type.ElementType, 0, count);
    }

    // A storage inside another one, as PyTorch before 0.4 wrote them: key, offset, size.
    private static StorageView View(PickleReader reader, TensorStorage storage, StorageClass type, object? view)
    {
        var whole = storage.Length / type.ElementBytes;
        return view is object?[] and [string, long offset, long count] && offset >= 0 && count >= 0 && offset <= whole - count
            ? new StorageView(storage, type.ElementType, offset, count)
            : throw reader.Error("a storage's view lies outside it; the file is damaged");
    }

    private static CheckpointTensor RebuildParameter(PickleReader reader, object?[] arguments) =>
        arguments is [CheckpointTensor tensor, ..] && arguments.Length is 3 or 4
            ? tensor
            : throw PickleFunction.BadArguments(reader, Parameter.ToString());

    private static long[] Sizes(PickleReader reader, object? value)
    {
        if (value is not IReadOnlyList<object?> { Count: <= TensorLayout.MaxRank } list)
            throw reader.Error("a tensor has a malformed shape; the file is damaged");
        var sizes = new long[list.Count];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = list[i] is long size and >= 0 ? size : throw reader.Error("a tensor has a malformed shape; the file is damaged");
        return sizes;
    }

    private static bool IsTypeName(string name) =>
        ElementTypes.OfTorch(name) is not null
        || name is "complex32" or "complex64" or "complex128" or "float8_e4m3fn" or "float8_e5m2" or "qint8" or "quint8" or "qint32";

    // (storage, offset, shape, strides, requires_grad, hooks, ...); version 3 goes on with the dtype of untyped bytes.
    private CheckpointTensor Rebuild(PickleReader reader, object?[] arguments)
    {
        if (arguments.Length is < 4 or > 8 || arguments[0] is not StorageView view || arguments[1] is not long offset || offset < 0)
            throw PickleFunction.BadArguments(reader, "torch._utils._rebuild_tensor");
        var shape = Sizes(reader, arguments[2]);
        var strides = Sizes(reader, arguments[3]);
        if (strides.Length != shape.Length)
            throw reader.Error("a tensor has a stride too many or too few; the file is damaged");
        var type = view.ElementType ?? UntypedElements(reader, arguments);
        var size = ElementTypes.Size(type);
        var storageCount = view.ElementType is null ? view.Count / size : view.Count;
        if (TensorLayout.Count(shape) is not { } count || count > Array.MaxLength / size)
            throw reader.Error($"a tensor of shape [{string.Join(", ", shape)}] is more than one array can hold; the file is damaged");
        if (count > 0 && !TensorLayout.Fits(shape, strides, offset, storageCount))
            throw reader.Error($"a tensor of shape [{string.Join(", ", shape)}] reaches beyond its storage of {storageCount} elements; the file is damaged");
        tensors.Charge(reader.Where, count * ValueBytes);
        return new CheckpointTensor(view.Storage, type, view.Offset + offset, shape, strides, count);
    }

    private static OnnxElementType UntypedElements(PickleReader reader, object?[] arguments)
    {
        const string Prefix = "torch.";
        if (arguments.Length < 7 || arguments[6] is not string name || !name.StartsWith(Prefix, StringComparison.Ordinal))
            throw reader.Error("a tensor of untyped bytes names no dtype; the file is damaged");
        return ElementTypes.OfTorch(name[Prefix.Length..])
            ?? throw reader.Error($"a tensor has dtype {name}, which is not read; convert it to a float or integer type first");
    }
}
