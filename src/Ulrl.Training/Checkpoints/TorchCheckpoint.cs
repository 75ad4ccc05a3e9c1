using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Checkpoints;

/// <summary>
/// A trained model's parameters as PyTorch or safetensors store them, read without running anything the file asks
/// for: only tensors, numpy arrays and plain containers are built.
/// </summary>
public sealed class TorchCheckpoint
{
    private readonly OrderedDictionary<string, CheckpointTensor> tensors;
    private readonly OrderedDictionary<string, object?> values;

    private TorchCheckpoint(CheckpointFormat format, OrderedDictionary<string, CheckpointTensor> tensors, OrderedDictionary<string, object?> values)
    {
        this.tensors = tensors;
        this.values = values;
        Format = format;
    }

    /// <summary>How the file stores it.</summary>
    public CheckpointFormat Format { get; }

    /// <summary>
    /// The state dict in the order of the file: the dictionary itself, or the one under <c>model</c>, <c>state_dict</c>,
    /// <c>model_state_dict</c>, <c>net</c>, <c>network</c>, <c>netC</c> or <c>weights</c>; where every name begins with
    /// <c>module.</c>, as after data-parallel training, that is left out.
    /// </summary>
    public IReadOnlyDictionary<string, CheckpointTensor> Tensors => tensors;

    /// <summary>
    /// What else the file's dictionary holds under string keys, tensors of the state dict left out: null, bool, long,
    /// <see cref="System.Numerics.BigInteger"/>, double, string, byte[], <see cref="CheckpointTensor"/>,
    /// <see cref="Data.NpyArray"/>, <see cref="IReadOnlyList{T}"/> of object for lists and tuples,
    /// <see cref="IReadOnlyDictionary{TKey, TValue}"/> of object and object, <see cref="IReadOnlySet{T}"/> of object.
    /// Containers may share and contain one another. Safetensors: its metadata under <c>__metadata__</c>.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Values => values;

    /// <summary>The state dict as shapes and float values by name, as <see cref="Architectures.Architecture.Build"/> takes it.</summary>
    public IReadOnlyDictionary<string, (long[] Shape, float[] Values)> ToStateDict() =>
        tensors.ToDictionary(item => item.Key, item => (item.Value.Shape.ToArray(), item.Value.ToSingles()), StringComparer.Ordinal);

    /// <summary>
    /// The state dict with the values that a model built from it has now: float32 for what the model holds, everything else,
    /// such as batch counters, as in the file. <see cref="Save"/> takes it.
    /// </summary>
    /// <param name="model">The model, whose initializers carry the names of the state dict.</param>
    /// <exception cref="CheckpointException">An initializer has another shape than the state dict's tensor of that name.</exception>
    public IReadOnlyList<KeyValuePair<string, CheckpointTensor>> UpdatedBy(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var trained = model.Proto.Graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        return [.. tensors.Select(item => KeyValuePair.Create(item.Key, trained.TryGetValue(item.Key, out var now) ? Updated(item.Key, item.Value, now) : item.Value))];

        static CheckpointTensor Updated(string name, CheckpointTensor given, TensorProto now) => given.Shape.SequenceEqual(now.Dims)
            ? new CheckpointTensor(TensorData.ReadFloats(now), [.. now.Dims])
            : throw new CheckpointException($"'{name}' is [{string.Join(",", now.Dims)}] in the model and [{string.Join(",", given.Shape)}] in the checkpoint; give the model that was built from it");
    }

    /// <summary>BackdoorBench's <c>model_name</c>, for example <c>preactresnet18</c>; null where there is none.</summary>
    public string? ModelName => values.GetValueOrDefault(TorchZipWriter.ModelNameKey) as string;

    /// <summary>BackdoorBench's <c>num_classes</c>; null where there is none.</summary>
    public long? ClassCount => values.GetValueOrDefault(TorchZipWriter.ClassCountKey) as long?;

    /// <summary>BackdoorBench's <c>img_size</c>, [height, width, channels] in the file, as [channels, height, width]; null where there is none.</summary>
    public IReadOnlyList<int>? ImageShape =>
        values.GetValueOrDefault("img_size") is IReadOnlyList<object?> and [long height and > 0 and <= int.MaxValue, long width and > 0 and <= int.MaxValue, long channels and > 0 and <= int.MaxValue]
            ? [(int)channels, (int)height, (int)width]
            : null;

    /// <summary>Reads a checkpoint: a zip file or an older file of <c>torch.save</c>, safetensors, or a file of TorchSharp's <c>module.save</c>, told by its content.</summary>
    /// <param name="path">The file, usually .pt, .pth, .safetensors or .dat.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged or of another kind, asks for anything but tensors and plain data, expands out of
    /// proportion, or holds no state dict.
    /// </exception>
    public static TorchCheckpoint Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var name = $"'{path}'";
        try
        {
            using var stream = CheckpointFile.OpenRead(path);
            return Load(stream, name);
        }
        catch (Exception e) when (CheckpointFile.IsReadFailure(e))
        {
            throw new CheckpointException($"{name} cannot be read as a checkpoint: {e.Message}", e);
        }
    }

    /// <summary>
    /// Writes a zip file as <c>torch.save</c> does, which <c>torch.load(..., weights_only=True)</c> reads: a state dict,
    /// or with <paramref name="modelName"/> BackdoorBench's dictionary of <c>model_name</c>, <c>num_classes</c> and
    /// <c>model</c>. Equal content gives equal bytes.
    /// </summary>
    /// <param name="path">File to create or replace, by writing aside and renaming.</param>
    /// <param name="stateDict">Tensors by parameter name, in order.</param>
    /// <param name="modelName">BackdoorBench's name of the architecture, for example <c>preactresnet18</c>; null (default) for a bare state dict.</param>
    /// <param name="classCount">Number of classes; needed with <paramref name="modelName"/>.</param>
    /// <exception cref="UlrlException">A name is repeated, a type is unknown to PyTorch 1, the file would exceed 4 GiB, or cannot be written.</exception>
    public static void Save(string path, IEnumerable<KeyValuePair<string, CheckpointTensor>> stateDict, string? modelName = null, int? classCount = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(stateDict);
        if (modelName is null != classCount is null)
            throw new ArgumentException("the name of the architecture and the number of classes go together", nameof(classCount));
        AtomicFile.Write(path, stream => TorchZipWriter.Write(stream, stateDict, modelName, classCount, $"'{path}'"));
    }

    /// <summary>Writes a file as TorchSharp's <c>module.save</c> does, byte for byte, which <c>module.load</c> reads.</summary>
    /// <param name="path">File to create or replace, by writing aside and renaming; usually .dat.</param>
    /// <param name="stateDict">Tensors by name, in TorchSharp's order: the parameters, then the buffers.</param>
    /// <exception cref="UlrlException">A name is repeated, a type is unknown to TorchSharp, or the file cannot be written.</exception>
    public static void SaveTorchSharp(string path, IEnumerable<KeyValuePair<string, CheckpointTensor>> stateDict)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(stateDict);
        AtomicFile.Write(path, stream => TorchSharpWriter.Write(stream, stateDict, $"'{path}'"));
    }

    /// <summary>The weights in an ONNX graph that has initializers of their names, such as one that the same network was exported as.</summary>
    /// <param name="skeleton">The graph; it is not changed.</param>
    /// <returns>The graph with the checkpoint's weights in place of its own, in its own element types.</returns>
    /// <exception cref="CheckpointException">A floating-point initializer is not in the checkpoint, or a shape differs; the message lists them.</exception>
    public OnnxModel ToOnnx(OnnxModel skeleton)
    {
        ArgumentNullException.ThrowIfNull(skeleton);
        return CheckpointWeights.Apply(tensors, skeleton);
    }

    private static TorchCheckpoint Load(FileStream stream, string name)
    {
        Span<byte> start = stackalloc byte[9];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        CheckpointFormat format;
        object? content;
        if (start is [(byte)'P', (byte)'K', ..])
            (format, content) = (CheckpointFormat.TorchZip, TorchZipReader.Read(stream, name));
        else if (TorchLegacyReader.Detect(start))
            (format, content) = (CheckpointFormat.TorchLegacy, TorchLegacyReader.Read(stream, name));
        else if (SafeTensorsReader.Detect(start))
            (format, content) = (CheckpointFormat.SafeTensors, SafeTensorsReader.Read(stream, name));
        else if (TorchSharpReader.Detect(start))
            (format, content) = (CheckpointFormat.TorchSharp, TorchSharpReader.Read(stream, name));
        else
            throw new CheckpointException($"{name} is of no known format; give a file of torch.save (.pt, .pth), of TorchSharp (.dat) or safetensors");

        if (content is not OrderedDictionary<object, object?> root)
            throw new CheckpointException($"{name} holds {Pickle.PickleReader.Describe(content)} where a state dict is expected; save model.state_dict()");
        var tensors = StateDict.Read(root, name, stream.Length);
        var parameters = new HashSet<object>(tensors.Values, ReferenceEqualityComparer.Instance);
        var values = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (key, value) in root)
        {
            if (key is string text && (value is null || !parameters.Contains(value)))
                values[text] = value;
        }

        return new TorchCheckpoint(format, tensors, values);
    }
}
