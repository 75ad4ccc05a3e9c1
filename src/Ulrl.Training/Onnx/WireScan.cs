using System.Buffers;
using System.Numerics;
using System.Text.Unicode;

namespace Ulrl.Training.Onnx;

/// <summary>
/// One walk over the bytes of a serialised model before anything is built from them: it finds truncated and malformed
/// input, and counts the memory that the parsed messages will take.
/// </summary>
/// <remarks>
/// A protobuf file is not compressed, but an empty sub-message takes two bytes in the file and about a thousand as an
/// object, so a few megabytes could ask for gigabytes. Numbers are those of onnx.proto; the walk allocates nothing.
/// </remarks>
internal ref struct WireScan
{
    /// <summary>Messages may nest this deep: about twenty subgraphs inside one another.</summary>
    public const int MaxDepth = 64;

    /// <summary>Longest name of a value, node, operator or the like, in bytes of UTF-8.</summary>
    public const int MaxNameLength = 4096;

    /// <summary>Memory that any model may take when parsed, in bytes, whatever its size.</summary>
    public const long MemoryFloor = 128L << 20;

    /// <summary>Memory that a model may take when parsed, in bytes per byte of the file, above <see cref="MemoryFloor"/>.</summary>
    public const long MemoryPerByte = 8;

    // Upper bounds in bytes; WireScanTests measures what is really taken.
    private const int ScalarCost = 32;
    private const int TextCost = 96;
    private const int UnknownCost = 512;

    private static readonly SearchValues<byte> ControlCharacters = SearchValues.Create(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    private readonly ReadOnlySpan<byte> _data;
    private int _position;
    private long _memory;

    private WireScan(ReadOnlySpan<byte> data)
    {
        _data = data;
    }

    /// <summary>What a field holds.</summary>
    internal enum Content : byte
    {
        Unknown,
        Varint,
        Fixed,
        Name,
        Text,
        Bytes,
        Message,
    }

    /// <summary>A message of onnx.proto.</summary>
    internal enum Message : byte
    {
        None,
        Model,
        OperatorSetId,
        StringStringEntry,
        Graph,
        Node,
        Attribute,
        Tensor,
        SparseTensor,
        ValueInfo,
        Type,
        TensorType,
        Shape,
        Dimension,
        Function,
    }

    /// <summary>Checks a serialised model.</summary>
    /// <returns>An upper estimate of the memory that the parsed model takes, in bytes.</returns>
    /// <exception cref="InvalidModelException">The bytes are not a protobuf message, text is not UTF-8, or the message would take too much memory.</exception>
    public static long Check(ReadOnlySpan<byte> data)
    {
        var scan = new WireScan(data);
        scan.Walk(Message.Model, data.Length, 1);
        long allowed = MemoryFloor + (MemoryPerByte * data.Length);
        if (scan._memory > allowed)
        {
            throw new InvalidModelException(
                $"its {data.Length} bytes would take about {scan._memory >> 20} MiB of memory when parsed, more than the {allowed >> 20} MiB allowed for a file of that size; it is made of empty parts, export the model again.");
        }

        return scan._memory;
    }

    /// <summary>What field <paramref name="number"/> of a message holds, and which message where it holds one.</summary>
    internal static (Content Content, Message Message) Describe(Message message, int number) => (message, number) switch
    {
        (Message.Model, 1 or 5) => (Content.Varint, default),
        (Message.Model, 2 or 3 or 4) => (Content.Name, default),
        (Message.Model, 6) => (Content.Text, default),
        (Message.Model, 7) => (Content.Message, Message.Graph),
        (Message.Model, 8) => (Content.Message, Message.OperatorSetId),
        (Message.Model, 14) => (Content.Message, Message.StringStringEntry),
        (Message.Model, 25) => (Content.Message, Message.Function),
        (Message.OperatorSetId, 1) => (Content.Name, default),
        (Message.OperatorSetId, 2) => (Content.Varint, default),
        (Message.StringStringEntry, 1) => (Content.Name, default),
        (Message.StringStringEntry, 2) => (Content.Text, default),
        (Message.Graph, 1) => (Content.Message, Message.Node),
        (Message.Graph, 2) => (Content.Name, default),
        (Message.Graph, 5) => (Content.Message, Message.Tensor),
        (Message.Graph, 10) => (Content.Text, default),
        (Message.Graph, 11 or 12 or 13) => (Content.Message, Message.ValueInfo),
        (Message.Graph, 15) => (Content.Message, Message.SparseTensor),
        (Message.Node, 1 or 2 or 3 or 4 or 7 or 8) => (Content.Name, default),
        (Message.Node, 5) => (Content.Message, Message.Attribute),
        (Message.Node, 6) => (Content.Text, default),
        (Message.Attribute, 1 or 21) => (Content.Name, default),
        (Message.Attribute, 13) => (Content.Text, default),
        (Message.Attribute, 2 or 7) => (Content.Fixed, default),
        (Message.Attribute, 3 or 8 or 20) => (Content.Varint, default),
        (Message.Attribute, 4 or 9) => (Content.Bytes, default),
        (Message.Attribute, 5 or 10) => (Content.Message, Message.Tensor),
        (Message.Attribute, 6 or 11) => (Content.Message, Message.Graph),
        (Message.Attribute, 22 or 23) => (Content.Message, Message.SparseTensor),
        (Message.Tensor, 1 or 2 or 5 or 7 or 11 or 14) => (Content.Varint, default),
        (Message.Tensor, 4 or 10) => (Content.Fixed, default),
        (Message.Tensor, 6 or 9) => (Content.Bytes, default),
        (Message.Tensor, 8) => (Content.Name, default),
        (Message.Tensor, 12) => (Content.Text, default),
        (Message.Tensor, 13) => (Content.Message, Message.StringStringEntry),
        (Message.SparseTensor, 1 or 2) => (Content.Message, Message.Tensor),
        (Message.SparseTensor, 3) => (Content.Varint, default),
        (Message.ValueInfo, 1) => (Content.Name, default),
        (Message.ValueInfo, 3) => (Content.Text, default),
        (Message.ValueInfo, 2) => (Content.Message, Message.Type),
        (Message.Type, 1) => (Content.Message, Message.TensorType),
        (Message.Type, 6) => (Content.Name, default),
        (Message.TensorType, 1) => (Content.Varint, default),
        (Message.TensorType, 2) => (Content.Message, Message.Shape),
        (Message.Shape, 1) => (Content.Message, Message.Dimension),
        (Message.Dimension, 1) => (Content.Varint, default),
        (Message.Dimension, 2 or 3) => (Content.Name, default),
        (Message.Function, 1 or 4 or 5 or 6 or 10 or 13) => (Content.Name, default),
        (Message.Function, 8) => (Content.Text, default),
        (Message.Function, 7) => (Content.Message, Message.Node),
        (Message.Function, 9) => (Content.Message, Message.OperatorSetId),
        (Message.Function, 11) => (Content.Message, Message.Attribute),
        _ => default,
    };

    /// <summary>Upper bound of the memory of one message, its lists with up to eight entries included, in bytes.</summary>
    internal static int Cost(Message message) => message switch
    {
        Message.Attribute or Message.Tensor => 1152,
        Message.Graph or Message.Function or Message.Model => 960,
        Message.Node => 512,
        Message.SparseTensor or Message.Shape => 256,
        _ => 128,
    };

    private void Walk(Message message, int end, int depth)
    {
        if (depth > MaxDepth)
            throw new InvalidModelException($"at byte {_position}: parts are nested more than {MaxDepth} deep; export the model with fewer nested subgraphs.");
        _memory += Cost(message);

        while (_position < end)
        {
            int start = _position;
            ulong tag = ReadVarint(end);
            if (tag > uint.MaxValue || tag >> 3 == 0)
                throw Malformed(start, "a field has no valid number");
            (Content content, Message child) = Describe(message, (int)(tag >> 3));

            switch ((int)tag & 7)
            {
                case 0:
                    ReadVarint(end);
                    _memory += content == Content.Varint ? ScalarCost : UnknownCost;
                    break;
                case 1:
                    Skip(start, 8, end);
                    _memory += content == Content.Fixed ? ScalarCost : UnknownCost;
                    break;
                case 5:
                    Skip(start, 4, end);
                    _memory += content == Content.Fixed ? ScalarCost : UnknownCost;
                    break;
                case 2:
                    int length = ReadLength(start, end);
                    if (content == Content.Message)
                        Walk(child, _position + length, depth + 1);
                    else
                        ReadBlock(start, content, length);
                    break;
                default:
                    throw Malformed(start, "a field has a wire type that ONNX does not use");
            }
        }
    }

    private void ReadBlock(int start, Content content, int length)
    {
        ReadOnlySpan<byte> block = _data.Slice(_position, length);
        _position += length;
        switch (content)
        {
            case Content.Name:
                // Names go into messages and reports.
                if (length > MaxNameLength)
                    throw Malformed(start, $"a name is {length} bytes long, more than {MaxNameLength}");
                if (block.IndexOfAny(ControlCharacters) >= 0)
                    throw Malformed(start, "a name has control characters in it");
                goto case Content.Text;
            case Content.Text:
                if (!Utf8.IsValid(block))
                    throw Malformed(start, "text is not UTF-8");
                _memory += TextCost + (2L * length);
                break;
            case Content.Bytes:
                _memory += TextCost + length;
                break;
            case Content.Fixed:
                _memory += UnknownCost + length;
                break;
            case Content.Varint:
                // A list grows by doubling: up to two places of eight bytes each per number, and as much while it is copied.
                _memory += UnknownCost + (32L * CountVarints(block)) + length;
                break;
            default:
                _memory += UnknownCost + length;
                break;
        }
    }

    private static long CountVarints(ReadOnlySpan<byte> block)
    {
        long count = 0;
        int i = 0;
        for (; i + 8 <= block.Length; i += 8)
            count += BitOperations.PopCount(~BitConverter.ToUInt64(block[i..]) & 0x8080808080808080);
        for (; i < block.Length; i++)
            count += block[i] < 0x80 ? 1 : 0;
        return count;
    }

    private ulong ReadVarint(int end)
    {
        int start = _position;
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (_position >= end)
                throw Malformed(start, "a number is cut off");
            byte b = _data[_position++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }

        throw Malformed(start, "a number is longer than ten bytes");
    }

    private int ReadLength(int start, int end)
    {
        ulong length = ReadVarint(end);
        if (length > (ulong)(end - _position))
            throw Malformed(start, $"a part of {length} bytes is declared where {end - _position} are left");
        return (int)length;
    }

    private void Skip(int start, int count, int end)
    {
        if (count > end - _position)
            throw Malformed(start, "a number is cut off");
        _position += count;
    }

    private static InvalidModelException Malformed(int position, string what) =>
        new($"not a readable ONNX file: at byte {position} {what}; the file is truncated, damaged or of another kind, copy or export it again.");
}
