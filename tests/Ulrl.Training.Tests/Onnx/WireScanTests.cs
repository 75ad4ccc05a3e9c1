using Google.Protobuf;
using Google.Protobuf.Reflection;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using Message = Ulrl.Training.Onnx.WireScan.Message;

namespace Ulrl.Training.Tests.Onnx;

public class WireScanTests
{
    private static readonly Dictionary<Message, MessageDescriptor> Descriptors = new()
    {
        [Message.Model] = ModelProto.Descriptor,
        [Message.OperatorSetId] = OperatorSetIdProto.Descriptor,
        [Message.StringStringEntry] = StringStringEntryProto.Descriptor,
        [Message.Graph] = GraphProto.Descriptor,
        [Message.Node] = NodeProto.Descriptor,
        [Message.Attribute] = AttributeProto.Descriptor,
        [Message.Tensor] = TensorProto.Descriptor,
        [Message.SparseTensor] = SparseTensorProto.Descriptor,
        [Message.ValueInfo] = ValueInfoProto.Descriptor,
        [Message.Type] = TypeProto.Descriptor,
        [Message.TensorType] = TypeProto.Types.Tensor.Descriptor,
        [Message.Shape] = TensorShapeProto.Descriptor,
        [Message.Dimension] = TensorShapeProto.Types.Dimension.Descriptor,
        [Message.Function] = FunctionProto.Descriptor,
    };

    /// <summary>Paths of field numbers from the model to a message; the last one is repeated in the tests.</summary>
    public static TheoryData<string> Paths =>
    [
        "7.1", "7.1.5", "7.1.5.11", "7.5", "7.5.13", "7.15", "7.15.1", "7.15.2", "7.11", "7.11.2", "7.11.2.1", "7.11.2.1.2", "7.11.2.1.2.1",
        "7.1.5.5", "7.1.5.6", "7.1.5.10", "7.1.5.22", "7.1.5.23", "8", "14", "25", "25.7", "25.11", "25.9",
    ];

    [Fact]
    public void The_scanner_knows_every_field_of_the_schema()
    {
        Assert.Equal(Enum.GetValues<Message>().Length - 1, Descriptors.Count);
        foreach ((Message message, MessageDescriptor descriptor) in Descriptors)
        {
            for (int number = 1; number < 100; number++)
            {
                FieldDescriptor? field = descriptor.FindFieldByNumber(number);
                (WireScan.Content content, Message child) = WireScan.Describe(message, number);
                WireScan.Content[] expected = field?.FieldType switch
                {
                    null => [WireScan.Content.Unknown],
                    FieldType.Message => [WireScan.Content.Message],
                    FieldType.String => [WireScan.Content.Name, WireScan.Content.Text],
                    FieldType.Bytes => [WireScan.Content.Bytes],
                    FieldType.Float or FieldType.Double => [WireScan.Content.Fixed],
                    _ => [WireScan.Content.Varint],
                };
                Assert.Contains(content, expected);
                if (field?.FieldType == FieldType.Message)
                    Assert.Same(field.MessageType, Descriptors[child]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Parsing_takes_no_more_memory_than_was_estimated(string path)
    {
        int[] numbers = [.. path.Split('.').Select(int.Parse)];
        Message leaf = Message.Model;
        foreach (int number in numbers)
            leaf = WireScan.Describe(leaf, number).Message;

        // Each message empty; with one value in every field; with nine, where lists grow; with fields of unknown number.
        foreach (byte[] content in new[] { [], Fill(leaf, 1), Fill(leaf, 9), Unknown(leaf, 1), Unknown(leaf, 9) })
        {
            byte[] one = content;
            for (int i = numbers.Length - 1; i > 0; i--)
                one = Field(numbers[i], one);
            one = Field(numbers[0], one);
            byte[] model = [.. Enumerable.Repeat(one, 500).SelectMany(b => b)];

            long estimate = WireScan.Check(model);
            long taken = MemoryOfParsing(model);
            Assert.True(taken <= estimate, $"{model.Length} bytes took {taken}, estimated {estimate}");
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(60)]
    public void Long_lists_and_texts_take_no_more_memory_than_was_estimated(int tensorField)
    {
        byte[] model = Field(7, Field(5, Field(tensorField, new byte[400_000])));
        long estimate = WireScan.Check(model);
        long taken = MemoryOfParsing(model);
        Assert.True(taken <= estimate, $"took {taken}, estimated {estimate}");
    }

    [Fact]
    public void A_file_of_empty_parts_is_refused_before_it_fills_the_memory()
    {
        byte[] nodes = new byte[8_000_000];
        for (int i = 0; i < nodes.Length; i += 2)
            nodes[i] = 0x2A;
        byte[] model = [.. SmallModel.Create().ToByteArray(), .. Field(7, nodes)];

        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(model));
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Contains("made of empty parts", error.Message, StringComparison.Ordinal);
        Assert.True(taken < 1 << 20, $"took {taken} bytes");
    }

    [Theory]
    [InlineData("0A", "cut off")]
    [InlineData("0A05414243", "a part of 5 bytes is declared where 3 are left")]
    [InlineData("08", "a number is cut off")]
    [InlineData("0880", "a number is cut off")]
    [InlineData("08FFFFFFFFFFFFFFFFFFFF01", "longer than ten bytes")]
    [InlineData("3D0000", "a number is cut off")]
    [InlineData("3900", "a number is cut off")]
    [InlineData("0001", "no valid number")]
    [InlineData("0B0C", "wire type")]
    [InlineData("0F", "wire type")]
    [InlineData("12FFFFFFFFFFFFFFFFFF01", "is declared where 0 are left")]
    [InlineData("1202C328", "text is not UTF-8")]
    [InlineData("12021B5B", "control characters")]
    public void Malformed_bytes_are_refused_with_their_position(string hex, string fragment)
    {
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(Convert.FromHexString(hex), "bad.onnx"));
        Assert.StartsWith("bad.onnx: not a readable ONNX file: at byte ", error.Message, StringComparison.Ordinal);
        Assert.Contains(fragment, error.Message, StringComparison.Ordinal);
    }

    private static long MemoryOfParsing(byte[] model)
    {
        // The first parse also creates the parsers, and a collection in between counts a part-used block as taken.
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.NotNull(ModelProto.Parser.ParseFrom(model));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private static byte[] Fill(Message message, int count)
    {
        using var stream = new MemoryStream();
        for (int number = 1; number < 100; number++)
        {
            for (int i = 0; i < count; i++)
            {
                switch (WireScan.Describe(message, number).Content)
                {
                    case WireScan.Content.Varint:
                        stream.Write(Tag(number, 0));
                        stream.WriteByte(1);
                        break;
                    case WireScan.Content.Fixed:
                        FieldDescriptor field = Descriptors[message].FindFieldByNumber(number);
                        stream.Write(Tag(number, field.FieldType == FieldType.Double ? 1 : 5));
                        stream.Write(new byte[field.FieldType == FieldType.Double ? 8 : 4]);
                        break;
                    case WireScan.Content.Unknown:
                        break;
                    default:
                        stream.Write(Field(number, []));
                        break;
                }
            }
        }

        return stream.ToArray();
    }

    private static byte[] Unknown(Message message, int count)
    {
        using var stream = new MemoryStream();
        for (int number = 60; number < 60 + count; number++)
        {
            Assert.Equal(WireScan.Content.Unknown, WireScan.Describe(message, number).Content);
            stream.Write(Tag(number, 0));
            stream.WriteByte(1);
        }

        return stream.ToArray();
    }

    private static byte[] Tag(int number, int wireType)
    {
        uint tag = (uint)((number << 3) | wireType);
        return tag < 0x80 ? [(byte)tag] : [(byte)(tag | 0x80), (byte)(tag >> 7)];
    }

    private static byte[] Field(int number, byte[] content)
    {
        using var stream = new MemoryStream();
        stream.Write(Tag(number, 2));
        uint length = (uint)content.Length;
        for (; length >= 0x80; length >>= 7)
            stream.WriteByte((byte)(length | 0x80));
        stream.WriteByte((byte)length);
        stream.Write(content);
        return stream.ToArray();
    }
}
