using Google.Protobuf;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>From the bytes of a model to a checked <see cref="ModelProto"/>; every error names the model.</summary>
internal static class ModelReader
{
    /// <summary>Largest model, its data included, in bytes: protobuf counts in signed 32-bit numbers.</summary>
    public const long MaxSize = int.MaxValue - (1L << 20);

    /// <summary>Reads a file and its external data.</summary>
    public static ModelProto ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            var file = FileLength.Resolve(path);
            if (!file.Exists)
                throw new InvalidModelException($"{path}: {(Directory.Exists(path) ? "is a folder" : "there is no such file")}; give the path of an ONNX model.");
            // Pipes and devices have no length either; opening one could block for ever.
            if (file.Length == 0)
                throw new InvalidModelException($"{path}: the file is empty; give the path of an ONNX model.");
            if (file.Length > MaxSize)
                throw new InvalidModelException($"{path}: {TooLarge(file.Length)}");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidModelException($"{path}: cannot be read: {e.Message.TrimEnd('.')}; give the path of an ONNX model that you may read.", e);
        }

        return ReadBytes(bytes, path, Path.GetDirectoryName(Path.GetFullPath(path)));
    }

    /// <summary>Reads a stream to its end.</summary>
    public static ModelProto ReadStream(Stream stream, string name)
    {
        using var buffer = new MemoryStream();
        var block = new byte[1 << 16];
        int read;
        while ((read = stream.Read(block)) > 0)
        {
            if (buffer.Length + read > MaxSize)
                throw new InvalidModelException($"{name}: {TooLarge(buffer.Length + read)}");
            buffer.Write(block, 0, read);
        }

        return ReadBytes(buffer.GetBuffer().AsSpan(0, (int)buffer.Length), name, folder: null);
    }

    /// <summary>Parses and checks a serialised model.</summary>
    /// <param name="bytes">The model.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">Folder of its external data; null where there is none.</param>
    public static ModelProto ReadBytes(ReadOnlySpan<byte> bytes, string name, string? folder)
    {
        try
        {
            if (bytes.IsEmpty)
                throw new InvalidModelException("there is nothing in it; give an ONNX model.");
            WireScan.Check(bytes);
            ModelProto model = ModelProto.Parser.ParseFrom(bytes);
            ExternalData.Load(model, bytes.Length, folder);
            ModelChecker.Check(model);
            return model;
        }
        catch (InvalidModelException e)
        {
            throw new InvalidModelException($"{name}: {e.Message}", e);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidModelException($"{name}: not a readable ONNX file: {e.Message.TrimEnd('.')}; copy or export it again.", e);
        }
    }

    /// <summary>The sentence for a model of more than <see cref="MaxSize"/> bytes.</summary>
    public static string TooLarge(long size) =>
        $"the model and its data take {size} bytes, more than the {MaxSize} that one ONNX file can hold; use a smaller model.";
}
