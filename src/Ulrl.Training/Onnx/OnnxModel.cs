using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>An ONNX model in memory, checked when it was loaded.</summary>
/// <remarks>
/// <para>Everything in the file is kept and written back by <see cref="Save(string)"/>, protobuf fields that this library does
/// not know included.</para>
/// <para>A model is untrusted input. Loading reads no file but the model and, beside it, its external data; it takes at
/// most <c>128 MiB + 8 bytes per byte of the file</c> for what the model consists of, and ends in an
/// <see cref="InvalidModelException"/> for anything malformed. A model and its data may be 2 GiB together, the limit of the
/// format that it is saved in.</para>
/// </remarks>
public sealed class OnnxModel
{
    internal OnnxModel(ModelProto proto, string? sourcePath = null)
    {
        Proto = proto;
        SourcePath = sourcePath;
    }

    /// <summary>Path that the model was loaded from, as it was given; null for a model from a stream or from memory.</summary>
    public string? SourcePath { get; }

    /// <summary>Version of the ONNX file format (<c>ir_version</c>).</summary>
    public long IrVersion => Proto.IrVersion;

    /// <summary>Name of the tool that wrote the model; empty where it does not say.</summary>
    public string ProducerName => Proto.ProducerName;

    /// <summary>Opset version of each operator domain that the model imports; the standard domain has the empty name.</summary>
    public IReadOnlyDictionary<string, long> Opsets
    {
        get
        {
            var opsets = new Dictionary<string, long>(Proto.OpsetImport.Count, StringComparer.Ordinal);
            foreach (OperatorSetIdProto import in Proto.OpsetImport)
                opsets[ModelChecker.Domain(import.Domain)] = import.Version;
            return opsets;
        }
    }

    /// <summary>Inputs that must be fed, in the graph's order; inputs that have an initializer of the same name (up to IR version 3 all parameters) are left out.</summary>
    public IReadOnlyList<OnnxValueInfo> Inputs
    {
        get
        {
            var constant = new HashSet<string>(StringComparer.Ordinal);
            foreach (TensorProto initializer in Proto.Graph.Initializer)
                constant.Add(initializer.Name);
            var inputs = new List<OnnxValueInfo>();
            foreach (ValueInfoProto input in Proto.Graph.Input)
            {
                if (!constant.Contains(input.Name))
                    inputs.Add(new OnnxValueInfo(input));
            }

            return inputs;
        }
    }

    /// <summary>Outputs, in the graph's order.</summary>
    public IReadOnlyList<OnnxValueInfo> Outputs
    {
        get
        {
            var outputs = new List<OnnxValueInfo>(Proto.Graph.Output.Count);
            foreach (ValueInfoProto output in Proto.Graph.Output)
                outputs.Add(new OnnxValueInfo(output));
            return outputs;
        }
    }

    /// <summary>Dense initializers of the main graph, in the graph's order; sparse ones are kept in the file and not listed.</summary>
    public IReadOnlyList<OnnxInitializer> Initializers
    {
        get
        {
            var initializers = new List<OnnxInitializer>(Proto.Graph.Initializer.Count);
            foreach (TensorProto initializer in Proto.Graph.Initializer)
                initializers.Add(new OnnxInitializer(initializer));
            return initializers;
        }
    }

    internal ModelProto Proto { get; }

    /// <summary>What errors call the model: its file's name where it has one.</summary>
    internal string Label => SourcePath is { } path ? Path.GetFileName(path) : "the model";

    /// <summary>Loads and checks a model file.</summary>
    /// <param name="path">The file. External data are read from its folder and below, and become part of the model in memory.</param>
    /// <exception cref="InvalidModelException">The file cannot be read, is no ONNX model, is inconsistent, or uses an opset of the standard domain outside 7 to 23.</exception>
    public static OnnxModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new OnnxModel(ModelReader.ReadFile(path), path);
    }

    /// <summary>Loads and checks a model from a stream, read to its end and left open.</summary>
    /// <param name="stream">The serialised model; one with external data is refused, since a stream has no folder.</param>
    /// <param name="name">What error messages call the model; "model" when null.</param>
    /// <exception cref="InvalidModelException">As <see cref="Load(string)"/>.</exception>
    public static OnnxModel Load(Stream stream, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new OnnxModel(ModelReader.ReadStream(stream, name ?? "model"));
    }

    /// <summary>Loads and checks a model from memory.</summary>
    /// <param name="bytes">The serialised model; one with external data is refused, since memory has no folder.</param>
    /// <param name="name">What error messages call the model; "model" when null.</param>
    /// <exception cref="InvalidModelException">As <see cref="Load(string)"/>.</exception>
    public static OnnxModel Load(ReadOnlyMemory<byte> bytes, string? name = null) =>
        new(ModelReader.ReadBytes(bytes.Span, name ?? "model", folder: null));

    /// <summary>Saves the model as one self-contained file: written aside, flushed and renamed, so that a failure leaves the folder as it was.</summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <exception cref="UlrlException">The file cannot be written.</exception>
    /// <exception cref="InvalidModelException">The model has grown beyond 2 GiB.</exception>
    public void Save(string path)
    {
        CheckSize();
        AtomicFile.Write(path, Proto.WriteTo);
    }

    /// <summary>Writes the serialised model to a stream, which is left open.</summary>
    /// <exception cref="InvalidModelException">The model has grown beyond 2 GiB.</exception>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        CheckSize();
        Proto.WriteTo(stream);
    }

    /// <summary>Serialises the model.</summary>
    /// <exception cref="InvalidModelException">The model has grown beyond 2 GiB.</exception>
    public byte[] ToBytes()
    {
        CheckSize();
        return Proto.ToByteArray();
    }

    /// <summary>A copy that shares nothing that can be changed.</summary>
    internal OnnxModel Clone() => new(Proto.Clone(), SourcePath);

    private void CheckSize()
    {
        long size = 0;
        ModelTensors.Visit(Proto, t => size += t.RawData.Length);
        if (size > ModelReader.MaxSize)
            throw new InvalidModelException(ModelReader.TooLarge(size));
    }
}
