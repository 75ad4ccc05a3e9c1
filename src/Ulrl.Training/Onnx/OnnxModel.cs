using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>An ONNX model in memory.</summary>
public sealed class OnnxModel
{
    internal OnnxModel(ModelProto proto)
    {
        Proto = proto;
    }

    internal ModelProto Proto { get; }

    /// <summary>Loads a model file.</summary>
    public static OnnxModel Load(string path)
    {
        using var stream = File.OpenRead(path);
        return new OnnxModel(ModelProto.Parser.ParseFrom(stream));
    }

    /// <summary>Serialises the model.</summary>
    public byte[] ToBytes() => Proto.ToByteArray();

    internal OnnxModel Clone() => new(Proto.Clone());
}
