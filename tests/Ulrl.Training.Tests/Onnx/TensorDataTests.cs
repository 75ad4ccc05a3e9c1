using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;
using static Ulrl.Training.Onnx.Proto.TensorProto.Types;

namespace Ulrl.Training.Tests.Onnx;

public class TensorDataTests
{
    public static TheoryData<int, byte[], float[]> RawTensors => new()
    {
        { (int)DataType.Float, [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0], [1.5f, -2f] },
        { (int)DataType.Double, [0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0xC0], [1.5f, -2f] },
        { (int)DataType.Float16, [0x00, 0x3E, 0x00, 0xC0], [1.5f, -2f] },
        { (int)DataType.Bfloat16, [0xC0, 0x3F, 0x00, 0xC0], [1.5f, -2f] },
        { (int)DataType.Int64, [7, 0, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [7, -2] },
        { (int)DataType.Uint64, [7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [7, 256] },
        { (int)DataType.Int32, [7, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF], [7, -2] },
        { (int)DataType.Uint32, [7, 0, 0, 0, 0, 0, 0, 0x80], [7, 2147483648] },
        { (int)DataType.Int16, [7, 0, 0xFE, 0xFF], [7, -2] },
        { (int)DataType.Uint16, [7, 0, 0xFE, 0xFF], [7, 65534] },
        { (int)DataType.Int8, [7, 0xFE], [7, -2] },
        { (int)DataType.Uint8, [7, 0xFE], [7, 254] },
        { (int)DataType.Bool, [0, 2], [0, 1] },
    };

    [Theory]
    [MemberData(nameof(RawTensors))]
    public void Raw_data_of_every_numeric_type_is_read_little_endian(int type, byte[] raw, float[] expected)
    {
        var t = new TensorProto { Name = "w", DataType = type, Dims = { 2 }, RawData = ByteString.CopyFrom(raw) };

        Assert.Equal(expected, TensorData.ReadFloats(t));
        if (type is not ((int)DataType.Float or (int)DataType.Double or (int)DataType.Float16 or (int)DataType.Bfloat16))
            Assert.Equal(Array.ConvertAll(expected, v => (long)v), TensorData.ReadIntegers(t));
    }

    [Fact]
    public void Typed_fields_hold_the_same_values_as_raw_data()
    {
        Assert.Equal([1.5f, -2f], TensorData.ReadFloats(Tensor(DataType.Float, t => t.FloatData.Add([1.5f, -2f]))));
        Assert.Equal([1.5f, -2f], TensorData.ReadFloats(Tensor(DataType.Double, t => t.DoubleData.Add([1.5, -2]))));
        Assert.Equal([1.5f, -2f], TensorData.ReadFloats(Tensor(DataType.Float16, t => t.Int32Data.Add([0x3E00, 0xC000]))));
        Assert.Equal([1.5f, -2f], TensorData.ReadFloats(Tensor(DataType.Bfloat16, t => t.Int32Data.Add([0x3FC0, 0xC000]))));
        Assert.Equal([7, -2], TensorData.ReadIntegers(Tensor(DataType.Int64, t => t.Int64Data.Add([7, -2]))));
        Assert.Equal([7, -2], TensorData.ReadIntegers(Tensor(DataType.Int32, t => t.Int32Data.Add([7, -2]))));
        Assert.Equal([7, -2], TensorData.ReadIntegers(Tensor(DataType.Int8, t => t.Int32Data.Add([7, -2]))));
        Assert.Equal([7, 2], TensorData.ReadIntegers(Tensor(DataType.Uint32, t => t.Uint64Data.Add([7, 2]))));
        Assert.Equal([1, 0], TensorData.ReadIntegers(Tensor(DataType.Bool, t => t.Int32Data.Add([1, 0]))));
    }

    [Theory]
    [InlineData((int)DataType.Float)]
    [InlineData((int)DataType.Double)]
    [InlineData((int)DataType.Float16)]
    [InlineData((int)DataType.Bfloat16)]
    public void Written_floats_replace_typed_data_and_keep_the_element_type(int type)
    {
        var t = new TensorProto { Name = "w", DataType = type, Dims = { 2 } };
        t.FloatData.Add(9);
        t.DoubleData.Add(9);
        t.Int32Data.Add(9);

        TensorData.WriteFloats(t, [0.25f, -96f]);

        Assert.Equal(type, t.DataType);
        Assert.Equal([0.25f, -96f], TensorData.ReadFloats(t));
        Assert.Empty(t.FloatData);
        Assert.Empty(t.DoubleData);
        Assert.Empty(t.Int32Data);
    }

    [Fact]
    public void Narrow_floats_are_rounded_to_nearest_even()
    {
        var t = new TensorProto { Name = "w", DataType = (int)DataType.Bfloat16, Dims = { 4 } };
        TensorData.WriteFloats(t, [1 + 1f / 256, 1 + 3f / 256, 1.005f, float.NaN]);
        float[] back = TensorData.ReadFloats(t);
        Assert.Equal([1f, 1 + 4f / 256, 1 + 1f / 128], back[..3]);
        Assert.True(float.IsNaN(back[3]));
    }

    [Theory]
    [InlineData((int)DataType.Float16, 1e6f)]
    [InlineData((int)DataType.Bfloat16, float.MaxValue)]
    public void A_finite_value_too_large_for_the_element_type_is_an_error(int type, float value)
    {
        var t = new TensorProto { Name = "w", DataType = type, Dims = { 1 } };
        var error = Assert.Throws<InvalidModelException>(() => TensorData.WriteFloats(t, [value]));
        Assert.Contains("'w'", error.Message, StringComparison.Ordinal);
        TensorData.WriteFloats(t, [float.PositiveInfinity]);
        Assert.Equal([float.PositiveInfinity], TensorData.ReadFloats(t));
    }

    [Fact]
    public void Created_tensors_hold_their_values()
    {
        TensorProto floats = TensorData.Create("f", [2, 2], (ReadOnlySpan<float>)[1, 2, 3, 4]);
        TensorProto scalar = TensorData.Create("i", [], (ReadOnlySpan<long>)[-5]);
        Assert.Equal([2, 2], floats.Dims);
        Assert.Equal([1, 2, 3, 4], TensorData.ReadFloats(floats));
        Assert.Equal([-5], TensorData.ReadIntegers(scalar));
        Assert.Equal(1, TensorData.ElementCount(scalar));
        Assert.Throws<ArgumentException>(() => TensorData.Create("f", [3], (ReadOnlySpan<float>)[1]));
    }

    [Fact]
    public void Empty_tensors_have_no_elements_however_large_the_other_dimensions()
    {
        TensorProto t = TensorData.Create("roi", [0, long.MaxValue, long.MaxValue], ReadOnlySpan<float>.Empty);
        Assert.Equal(0, TensorData.ElementCount(t));
        Assert.Empty(TensorData.ReadFloats(t));
    }

    [Fact]
    public void Declared_sizes_that_the_data_do_not_back_are_refused_before_anything_is_allocated()
    {
        Refused("needs 8 bytes but 7", new TensorProto { Name = "w", DataType = 1, Dims = { 2 }, RawData = ByteString.CopyFrom(new byte[7]) });
        Refused("needs 4000000000000000 bytes", new TensorProto { Name = "w", DataType = 1, Dims = { 1_000_000_000_000_000 }, RawData = ByteString.CopyFrom(new byte[8]) });
        Refused("needs 3 values but 2", Tensor(DataType.Float, t => { t.Dims[0] = 3; t.FloatData.Add([1, 2]); }));
        Refused("more elements", new TensorProto { Name = "w", DataType = 1, Dims = { long.MaxValue, 2 } });
        Refused("negative", new TensorProto { Name = "w", DataType = 1, Dims = { -1 } });
        Refused("element type 99", new TensorProto { Name = "w", DataType = 99, Dims = { 1 } });
        Refused("field that does not belong", Tensor(DataType.Float, t => t.Int64Data.Add([1, 2])));
        Refused("more than once", Tensor(DataType.Float, t => { t.FloatData.Add([1, 2]); t.RawData = ByteString.CopyFrom(new byte[8]); }));
        Refused("external file", Tensor(DataType.Float, t => t.DataLocation = DataLocation.External));
        Refused("cannot be read as numbers", Tensor(DataType.String, t => t.StringData.Add([ByteString.Empty, ByteString.Empty])));
    }

    private static void Refused(string fragment, TensorProto t)
    {
        var error = Assert.Throws<InvalidModelException>(() => TensorData.ReadFloats(t));
        Assert.Contains(fragment, error.Message, StringComparison.Ordinal);
        Assert.Contains("'w'", error.Message, StringComparison.Ordinal);
    }

    private static TensorProto Tensor(DataType type, Action<TensorProto> fill)
    {
        var t = new TensorProto { Name = "w", DataType = (int)type, Dims = { 2 } };
        fill(t);
        return t;
    }
}
