using System.Globalization;
using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Tests.Onnx;

public sealed class ExternalDataTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("ulrl-external-").FullName;
    private readonly string _folder;
    private readonly string _model;

    public ExternalDataTests()
    {
        _folder = Path.Combine(_root, "model");
        _model = Path.Combine(_folder, "m.onnx");
        Directory.CreateDirectory(Path.Combine(_folder, "data"));
        File.WriteAllBytes(Path.Combine(_folder, "data", "w.bin"), [.. Enumerable.Range(0, 64).Select(i => (byte)i)]);
        File.WriteAllBytes(Path.Combine(_root, "secret.bin"), new byte[48]);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("data/w.bin", 16)]
    [InlineData("./data/./w.bin", 0)]
    public void External_data_become_part_of_the_model(string location, int offset)
    {
        Write(w => External(w, location, offset, 48));

        OnnxModel model = OnnxModel.Load(_model);

        TensorProto w = model.Proto.Graph.Initializer[0];
        Assert.Equal(Enumerable.Range(offset, 48).Select(i => (byte)i), w.RawData.ToByteArray());
        Assert.Empty(w.ExternalData);
        Assert.False(w.HasDataLocation);
        string moved = Path.Combine(_root, "moved.onnx");
        model.Save(moved);
        Assert.Equal(model.Proto, OnnxModel.Load(moved).Proto);
    }

    [Fact]
    public void A_length_that_is_left_out_means_the_rest_of_the_file()
    {
        Write(w => External(w, "data/w.bin", 16, null));
        Assert.Equal(48, OnnxModel.Load(_model).Proto.Graph.Initializer[0].RawData.Length);
        Refused(w => External(w, "data/w.bin", 0, null), "needs 48 bytes but its external data in 'data/w.bin' are 64");
    }

    [Fact]
    public void Tensors_in_attributes_have_external_data_too()
    {
        ModelProto model = SmallModel.Create();
        var value = new TensorProto { Name = "c", DataType = 1, Dims = { 2 } };
        External(value, "data/w.bin", 8, 8);
        model.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = value });
        File.WriteAllBytes(_model, model.ToByteArray());

        Assert.Equal([8, 9, 10, 11, 12, 13, 14, 15], OnnxModel.Load(_model).Proto.Graph.Node[0].Attribute[0].T.RawData.ToByteArray());
    }

    [Theory]
    [InlineData("../secret.bin")]
    [InlineData("data/../../secret.bin")]
    [InlineData("/etc/hostname")]
    [InlineData("..\\secret.bin")]
    [InlineData("C:secret.bin")]
    [InlineData("data//w.bin")]
    public void Locations_outside_the_folder_are_refused(string location) =>
        Refused(w => External(w, location, 0, 48), $"external data in '{location}' are not inside the model's folder");

    [Fact]
    public void Absolute_locations_are_refused_even_inside_the_folder() =>
        Refused(w => External(w, Path.Combine(_folder, "data", "w.bin"), 0, 48), "not inside the model's folder");

    [Fact]
    public void Symbolic_links_are_refused()
    {
        File.CreateSymbolicLink(Path.Combine(_folder, "link.bin"), Path.Combine(_root, "secret.bin"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "up"), _root);
        Refused(w => External(w, "link.bin", 0, 48), "symbolic link");
        Refused(w => External(w, "up/secret.bin", 0, 48), "symbolic link");
    }

    [Fact]
    public void Data_that_are_missing_or_of_the_wrong_size_are_refused()
    {
        Refused(w => External(w, "data/none.bin", 0, 48), "data file 'data/none.bin' is not in the model's folder");
        Refused(w => External(w, "data", 0, 48), "'data' is not a file");
        Refused(w => External(w, "", 0, 48), "no location");
        Refused(w => External(w, "data/w.bin", 0, 40), "needs 48 bytes but its external data in 'data/w.bin' are 40");
        Refused(w => External(w, "data/w.bin", 20, 48), "needs 48 bytes from byte 20 of 'data/w.bin', which has 64");
        Refused(w => External(w, "data/w.bin", long.MaxValue, 48), "needs 48 bytes from byte 9223372036854775807");
        Refused(w => External(w, "data/w.bin", -1, 48), "offset '-1'");
        Refused(w => External(w, "data/w.bin\n", 0, 48), "control characters");
        Refused(
            w =>
            {
                External(w, "data/w.bin", 0, 48);
                w.ExternalData[2].Value = "99999999999999999999";
            },
            "length '99999999999999999999'");
        Refused(
            w =>
            {
                External(w, "data/w.bin", 0, null);
                w.Dims[0] = 1L << 60;
            },
            "needs 18446744073709551616 bytes");
        Refused(
            w =>
            {
                External(w, "data/w.bin", 0, 48);
                w.DataType = (int)OnnxElementType.String;
            },
            "elements of type String");
    }

    [Fact]
    public void A_region_may_be_shared_but_regions_may_not_overlap()
    {
        void Overlap(ModelProto model, int step)
        {
            for (int i = 0; i < 3; i++)
            {
                var t = new TensorProto { Name = $"t{i}", DataType = 1, Dims = { 12 } };
                External(t, "data/w.bin", i * step, 48);
                model.Graph.Initializer.Add(t);
            }
        }

        ModelProto shared = SmallModel.Create();
        Overlap(shared, 0);
        File.WriteAllBytes(_model, shared.ToByteArray());
        OnnxModel loaded = OnnxModel.Load(_model);
        Assert.Same(loaded.Proto.Graph.Initializer[2].RawData, loaded.Proto.Graph.Initializer[4].RawData);

        ModelProto overlapping = SmallModel.Create();
        Overlap(overlapping, 4);
        File.WriteAllBytes(_model, overlapping.ToByteArray());
        Assert.Contains("overlap", Assert.Throws<InvalidModelException>(() => OnnxModel.Load(_model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_than_two_gigabytes_are_refused_before_they_are_read()
    {
        const long Size = 3L << 30;
        string sparse = Path.Combine(_folder, "large.bin");
        using (FileStream stream = File.Create(sparse))
            stream.SetLength(Size);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(
            w =>
            {
                w.Dims.Clear();
                w.Dims.Add(Size / 4);
                External(w, "large.bin", 0, Size);
            },
            "more than the 2146435071 that one ONNX file can hold");
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(sparse));
        Assert.StartsWith(sparse + ": the model and its data take 3221225472 bytes", error.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void A_model_from_a_stream_has_no_external_data()
    {
        Write(w => External(w, "data/w.bin", 0, 48));
        using FileStream stream = File.OpenRead(_model);
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(stream, "upload"));
        Assert.StartsWith("upload: tensor 'w'", error.Message, StringComparison.Ordinal);
        Assert.Contains("load the model by its path", error.Message, StringComparison.Ordinal);
    }

    private static void External(TensorProto t, string location, long offset, long? length)
    {
        t.ClearRawData();
        t.DataLocation = TensorProto.Types.DataLocation.External;
        t.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        t.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) });
        if (length is { } bytes)
            t.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = bytes.ToString(CultureInfo.InvariantCulture) });
        t.ExternalData.Add(new StringStringEntryProto { Key = "checksum", Value = "not looked at" });
    }

    private void Write(Action<TensorProto> change)
    {
        ModelProto model = SmallModel.Create();
        change(model.Graph.Initializer[0]);
        File.WriteAllBytes(_model, model.ToByteArray());
    }

    private void Refused(Action<TensorProto> change, string fragment)
    {
        Write(change);
        var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(_model));
        Assert.StartsWith(_model + ": tensor 'w'", error.Message, StringComparison.Ordinal);
        Assert.Contains(fragment, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
