using System.Text;
using Ulrl.Training.Autodiff;
using Ulrl.Training.Onnx;
using Ulrl.Training.Pickle;
using Ulrl.Training.Torch;
using DataType = Ulrl.Training.Onnx.Proto.TensorProto.Types.DataType;

namespace Ulrl.Training.Checkpoints.TorchScript;

/// <summary>
/// A traced network as <c>torch.jit.save</c> writes it, from Python or from TorchSharp. Its code is read as text and written as ONNX
/// operator by operator; nothing in it runs.
/// </summary>
public sealed class TorchScriptArchive
{
    private const string Pickle = "data.pkl";
    private const string Constants = "constants.pkl";

    private readonly ScriptObject root;
    private readonly IReadOnlyList<object?> constants;
    private readonly IReadOnlyDictionary<string, string> sources;
    private readonly string name;

    private TorchScriptArchive(string name, ScriptObject root, IReadOnlyList<object?> constants, IReadOnlyDictionary<string, string> sources)
    {
        this.name = name;
        this.root = root;
        this.constants = constants;
        this.sources = sources;
    }

    /// <summary>Name of the network's class, e.g. <c>ResNet</c>.</summary>
    public string ClassName => root.ClassName.Split('.')[^1];

    /// <summary>Whether a file is a TorchScript archive rather than a checkpoint: a zip archive that holds code.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static bool IsArchive(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var name = $"'{path}'";
        try
        {
            using var stream = CheckpointFile.OpenRead(path);
            if (stream.ReadByte() != 'P' || stream.ReadByte() != 'K') return false;
            stream.Position = 0;
            using var records = ZipRecords.Open(stream, name);
            return records.IsTorchScript;
        }
        catch (Exception e) when (CheckpointFile.IsReadFailure(e))
        {
            throw new CheckpointException($"{name} cannot be read as a zip archive: {e.Message}", e);
        }
    }

    /// <summary>Reads an archive.</summary>
    /// <param name="path">The file, usually .pt.</param>
    /// <exception cref="CheckpointException">The file is missing, damaged, expands out of proportion, or is no TorchScript archive.</exception>
    public static TorchScriptArchive Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var name = $"'{path}'";
        try
        {
            using var stream = CheckpointFile.OpenRead(path);
            using var records = ZipRecords.Open(stream, name);
            return Read(records, stream.Length, name);
        }
        catch (Exception e) when (CheckpointFile.IsReadFailure(e))
        {
            throw new CheckpointException($"{name} cannot be read as a TorchScript archive: {e.Message}", e);
        }
    }

    /// <summary>Writes the network's forward pass as ONNX.</summary>
    /// <param name="inputShape">Shape of an input with the batch first, e.g. [1, 3, 224, 224]. The batch is left open; what the trace fixed stays fixed.</param>
    /// <param name="opset">Opset of the model, 18 (default) to 23.</param>
    /// <returns>The model: input <c>input</c>, output <c>logits</c>; its initializers are the parameters under the names of the state dict.</returns>
    /// <exception cref="CheckpointException">An operator has no counterpart, the code holds control flow, or shapes do not fit; the message names file and line.</exception>
    public OnnxModel ToOnnx(IReadOnlyList<long> inputShape, int opset = TorchGraph.LowestOpset)
    {
        ArgumentNullException.ThrowIfNull(inputShape);
        if (inputShape.Count < 2 || inputShape.Any(d => d < 1)) throw new CheckpointException($"[{string.Join(", ", inputShape)}] is no shape of an input; give the batch and at least one more size, all positive");
        if (opset is < TorchGraph.LowestOpset or > TorchGraph.HighestOpset) throw new CheckpointException($"opset {opset} is not written; give one from {TorchGraph.LowestOpset} to {TorchGraph.HighestOpset}");
        var run = new ScriptRun(name, sources, constants, opset);
        Dim[] dims = [new Dim(Dim.FirstBatch, Dim.SecondBatch), .. TorchGraph.Fixed([.. inputShape.Skip(1)])];
        var input = run.Graph.Input("input", DataType.Float, dims);
        run.Graph.Output("logits", run.Forward(root, input));
        return run.Graph.Finish(ClassName);
    }

    private static TorchScriptArchive Read(ZipRecords records, long length, string name)
    {
        var prefix = records.Names.FirstOrDefault(r => r.EndsWith('/' + Constants, StringComparison.Ordinal) && r.Count(c => c == '/') == 1)?[..^Constants.Length]
            ?? throw new CheckpointException($"{name} is no TorchScript archive; give a file of torch.jit.save");
        var data = Unpickle(records, prefix, Pickle, "data", length, name);
        if (data is not ScriptObject root) throw new CheckpointException($"{name} holds {PickleReader.Describe(data)} where a module is expected; save torch.jit.trace(model, example)");
        var constants = Unpickle(records, prefix, Constants, "constants", length, name) as IReadOnlyList<object?>
            ?? throw new CheckpointException($"{name}: the constants are no tuple; the file is damaged");
        var code = prefix + "code/";
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var record in records.Names.Where(r => r.StartsWith(code, StringComparison.Ordinal) && r.EndsWith(".py", StringComparison.Ordinal)))
            sources.Add(record[code.Length..], Encoding.UTF8.GetString(records.Read(record, "code")));
        return new TorchScriptArchive(name, root, constants, sources);
    }

    private static object? Unpickle(ZipRecords records, string prefix, string record, string folder, long length, string name)
    {
        var pickle = records.Read(prefix + record, record);
        using var memory = new MemoryStream(pickle, writable: false);
        var input = new PickleInput(memory, pickle.Length, $"{name}, {record}", CheckpointFile.Error);
        var tensors = new TorchGlobals(length, (_, key, size) =>
        {
            var storage = new TensorStorage(size);
            storage.Fill(records.Read($"{prefix}{folder}/{key}", "a storage", size));
            return storage;
        });
        return new PickleReader(input, new ScriptGlobals(tensors)).Read();
    }
}
