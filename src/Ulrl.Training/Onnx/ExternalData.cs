using System.Globalization;
using Google.Protobuf;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>
/// Brings external tensor data into the model. A location is accepted only as a regular file inside the model's own
/// folder, reached without symbolic links.
/// </summary>
internal sealed class ExternalData
{
    private readonly string _folder;
    private readonly Dictionary<string, DataFile> _files = new(StringComparer.Ordinal);
    private long _total;

    private ExternalData(string folder, long modelSize)
    {
        _folder = folder;
        _total = modelSize;
    }

    /// <summary>Reads all external data of a model into <c>raw_data</c>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modelSize">Bytes of the model file; with the data they must stay below <see cref="ModelReader.MaxSize"/>.</param>
    /// <param name="folder">The model's folder; null for a model that has none.</param>
    /// <exception cref="InvalidModelException">The data are missing, outside the folder, of the wrong size, or too many.</exception>
    public static void Load(ModelProto model, long modelSize, string? folder)
    {
        ExternalData? data = null;
        ModelTensors.Visit(model, tensor =>
        {
            if (tensor.DataLocation != TensorProto.Types.DataLocation.External)
                return;
            if (folder is null)
                throw new InvalidModelException($"tensor '{tensor.Name}': its data lie in an external file, which a model in a stream does not have; load the model by its path.");
            data ??= new ExternalData(folder, modelSize);
            try
            {
                data.Load(tensor);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new InvalidModelException($"tensor '{tensor.Name}': its external data cannot be read: {e.Message.TrimEnd('.')}; copy the data file again.", e);
            }
        });
    }

    private void Load(TensorProto tensor)
    {
        string? location = null;
        long offset = 0;
        long? length = null;
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            if (HasControl(entry.Value))
                throw new InvalidModelException($"tensor '{tensor.Name}': {entry.Key} of its external data has control characters in it; export the model again.");
            switch (entry.Key)
            {
                case "location":
                    location = entry.Value;
                    break;
                case "offset":
                    offset = ParseSize(tensor, entry);
                    break;
                case "length":
                    length = ParseSize(tensor, entry);
                    break;
            }
        }

        int bits = TensorData.ElementBits(tensor);
        if (bits == 0)
            throw new InvalidModelException($"tensor '{tensor.Name}': elements of type {(OnnxElementType)tensor.DataType} cannot lie in an external file; export the model again.");
        DataFile file = Open(tensor, location);
        Int128 needed = (((Int128)TensorData.ElementCount(tensor) * bits) + 7) / 8;
        Int128 held = length ?? (Int128)file.Length - offset;
        if (held != needed)
            throw new InvalidModelException($"tensor '{tensor.Name}': shape [{string.Join(',', tensor.Dims)}] needs {needed} bytes but its external data in '{location}' are {held}; copy the data file again.");
        if ((Int128)offset + needed > file.Length)
            throw new InvalidModelException($"tensor '{tensor.Name}': needs {needed} bytes from byte {offset} of '{location}', which has {file.Length}; copy the data file again.");
        _total += (long)needed;
        if (_total > ModelReader.MaxSize)
            throw new InvalidModelException($"tensor '{tensor.Name}': {ModelReader.TooLarge(_total)}");

        tensor.RawData = file.Read(tensor, offset, (int)needed);
        tensor.ExternalData.Clear();
        tensor.ClearDataLocation();
    }

    private DataFile Open(TensorProto tensor, string? location)
    {
        if (string.IsNullOrEmpty(location))
            throw new InvalidModelException($"tensor '{tensor.Name}': its external data have no location; export the model again.");
        if (_files.TryGetValue(location, out DataFile? known))
            return known;

        string path = _folder;
        foreach (string part in location.Split('/'))
        {
            // An empty part is an absolute path; a colon or backslash means something on Windows only.
            if (part.Length == 0 || part == ".." || part.AsSpan().ContainsAny(':', '\\'))
                throw new InvalidModelException($"tensor '{tensor.Name}': external data in '{location}' are not inside the model's folder; put the data file beside the model.");
            if (part == ".")
                continue;
            path = Path.Combine(path, part);
            if (!Path.Exists(path))
                throw new InvalidModelException($"tensor '{tensor.Name}': its data file '{location}' is not in the model's folder; put it there.");
            if ((File.GetAttributes(path) & FileAttributes.ReparsePoint) != 0)
                throw new InvalidModelException($"tensor '{tensor.Name}': external data in '{location}' are reached by a symbolic link; put the data file itself beside the model.");
        }

        if (!File.Exists(path))
            throw new InvalidModelException($"tensor '{tensor.Name}': its data file '{location}' is not a file; put the data file beside the model.");
        var file = new DataFile(path, new FileInfo(path).Length);
        _files.Add(location, file);
        return file;
    }

    private static bool HasControl(string text)
    {
        foreach (char c in text)
        {
            if (char.IsControl(c))
                return true;
        }

        return false;
    }

    private static long ParseSize(TensorProto tensor, StringStringEntryProto entry)
    {
        if (!long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            throw new InvalidModelException($"tensor '{tensor.Name}': {entry.Key} '{entry.Value}' of its external data is not a size in bytes; export the model again.");
        return value;
    }

    /// <summary>One data file; a region that several tensors share is read once.</summary>
    private sealed class DataFile(string path, long length)
    {
        private readonly Dictionary<(long Offset, int Length), ByteString> _regions = [];
        private long _read;

        public long Length => length;

        public ByteString Read(TensorProto tensor, long offset, int count)
        {
            if (count == 0)
                return ByteString.Empty;
            if (_regions.TryGetValue((offset, count), out ByteString? known))
                return known;
            // Different regions that overlap would let a small file fill the memory.
            _read += count;
            if (_read > length)
                throw new InvalidModelException($"tensor '{tensor.Name}': the tensors in '{Path.GetFileName(path)}' overlap; export the model again.");

            var bytes = new byte[count];
            using var handle = File.OpenHandle(path);
            for (int done = 0; done < count;)
            {
                int read = RandomAccess.Read(handle, bytes.AsSpan(done), offset + done);
                if (read == 0)
                    throw new EndOfStreamException($"'{path}' ends at byte {offset + done}");
                done += read;
            }

            ByteString region = UnsafeByteOperations.UnsafeWrap(bytes);
            _regions.Add((offset, count), region);
            return region;
        }
    }
}
