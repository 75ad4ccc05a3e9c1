using Google.Protobuf;
using Ulrl.Training.Onnx;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Tests.Onnx;

public sealed class OnnxModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ulrl-model-").FullName;

    public static TheoryData<string> Models => new([.. TestFiles.ZooNames.Select(name => $"zoo/{name}.onnx"), "cifar10-badnet/preact_badnet_t0.onnx"]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_that_was_loaded_and_saved_is_the_same_file(string file)
    {
        string path = TestFiles.TestData(file);
        string copy = Path.Combine(_folder, "copy.onnx");
        OnnxModel.Load(path).Save(copy);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(copy));
        Assert.Equal(["copy.onnx"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void The_public_view_describes_inputs_outputs_opsets_and_initializers()
    {
        string path = TestFiles.ZooModel("vgg_slim");
        OnnxModel model = OnnxModel.Load(path);

        Assert.Equal(path, model.SourcePath);
        Assert.Equal("pytorch", model.ProducerName);
        Assert.Equal(7, model.IrVersion);
        Assert.Equal(14, Assert.Single(model.Opsets).Value);
        OnnxValueInfo input = Assert.Single(model.Inputs);
        Assert.Equal("input: Float[batch,3,32,32]", input.ToString());
        Assert.Equal("batch", input.Dimensions![0].Symbol);
        Assert.False(input.Dimensions[0].IsFixed);
        Assert.Equal(3, input.Dimensions[1].Value);
        Assert.Equal("logits: Float[batch,10]", Assert.Single(model.Outputs).ToString());
        OnnxInitializer first = model.Initializers[0];
        Assert.Equal(OnnxElementType.Float, first.ElementType);
        Assert.Equal(first.Shape.Aggregate(1L, (a, b) => a * b), first.ElementCount);
        Assert.Equal(10, model.Initializers.Count);
    }

    [Fact]
    public void Dimensions_may_be_unknown_and_shapes_missing()
    {
        ModelProto proto = SmallModel.Create();
        proto.Graph.Input[0].Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimValue = -1 };
        proto.Graph.Output[0].Type.TensorType.Shape = null;

        OnnxModel model = OnnxModel.Load(proto.ToByteArray());

        Assert.Equal("x: Float[?,4]", Assert.Single(model.Inputs).ToString());
        Assert.Null(Assert.Single(model.Outputs).Dimensions);
    }

    [Fact]
    public void Inputs_that_have_an_initializer_need_not_be_fed()
    {
        ModelProto proto = SmallModel.Create();
        proto.IrVersion = 3;
        proto.Graph.Input.Add(SmallModel.Value("w", 3, 4));
        proto.Graph.Input.Add(SmallModel.Value("b", 3));

        Assert.Equal("x", Assert.Single(OnnxModel.Load(proto.ToByteArray()).Inputs).Name);
    }

    [Fact]
    public void A_model_is_loaded_from_a_stream_as_from_a_file()
    {
        using FileStream stream = File.OpenRead(TestFiles.ZooModel("vit"));
        OnnxModel model = OnnxModel.Load(stream, "vit");
        Assert.Null(model.SourcePath);
        Assert.Equal(OnnxModel.Load(TestFiles.ZooModel("vit")).Proto, model.Proto);

        using var saved = new MemoryStream();
        model.Save(saved);
        Assert.Equal(model.ToBytes(), saved.ToArray());
        Assert.True(saved.CanWrite);
    }

    [Fact]
    public void Fields_that_the_schema_does_not_know_survive()
    {
        ModelProto proto = SmallModel.Create();
        proto.Graph.Output[0].Type = null;
        byte[] Extra(IMessage message) => [.. message.ToByteArray(), 0xC2, 0xBB, 0x01, 3, (byte)'n', (byte)'e', (byte)'w', 0xC8, 0xBB, 0x01, 42];

        proto.Graph.Initializer[0] = TensorProto.Parser.ParseFrom(Extra(proto.Graph.Initializer[0]));
        proto.Graph.Node[1].Attribute[0] = AttributeProto.Parser.ParseFrom(Extra(proto.Graph.Node[1].Attribute[0]));
        proto.Graph.Node[1] = NodeProto.Parser.ParseFrom(Extra(proto.Graph.Node[1]));
        proto.Graph.Input[0].Type = TypeProto.Parser.ParseFrom(Extra(proto.Graph.Input[0].Type));
        proto.Graph = GraphProto.Parser.ParseFrom(Extra(proto.Graph));
        byte[] bytes = Extra(proto);

        OnnxModel model = OnnxModel.Load(bytes);

        Assert.Equal(bytes, model.ToBytes());
        Assert.Equal(bytes, model.Clone().ToBytes());
        byte[] pattern = Extra(new ModelProto());
        int found = 0;
        for (int i = 0; i + pattern.Length <= bytes.Length; i++)
            found += model.ToBytes().AsSpan(i, pattern.Length).SequenceEqual(pattern) ? 1 : 0;
        Assert.Equal(6, found);
    }

    [Fact]
    public void A_changed_clone_leaves_the_original_alone()
    {
        OnnxModel model = OnnxModel.Load(TestFiles.ZooModel("attention_mlp"));
        byte[] before = model.ToBytes();
        OnnxModel clone = model.Clone();
        TensorProto tensor = clone.Proto.Graph.Initializer[0];
        TensorData.WriteFloats(tensor, new float[TensorData.ElementCount(tensor)]);
        clone.Proto.Graph.Node.Clear();

        Assert.Equal(before, model.ToBytes());
        Assert.Equal(model.SourcePath, clone.SourcePath);
    }

    [Fact]
    public void Saving_replaces_an_existing_file()
    {
        string path = Path.Combine(_folder, "model.onnx");
        File.WriteAllText(path, "older and not a model");
        new OnnxModel(SmallModel.Create()).Save(path);
        Assert.Equal(2, OnnxModel.Load(path).Initializers.Count);
    }

    [Fact]
    public void A_save_that_cannot_be_done_is_one_error_and_leaves_nothing()
    {
        var model = new OnnxModel(SmallModel.Create());
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        foreach (string path in new[] { Path.Combine(_folder, "none", "m.onnx"), Path.Combine(file, "m.onnx"), _folder })
        {
            var error = Assert.Throws<UlrlException>(() => model.Save(path));
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(".tmp", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(["file"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void A_disk_that_fills_up_leaves_the_older_file_and_nothing_else()
    {
        string path = Path.Combine(_folder, "model.onnx");
        File.WriteAllText(path, "older");
        var error = Assert.Throws<UlrlException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[100_000]);
            throw new IOException("No space left on device");
        }));
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, _ => throw new InvalidOperationException()));
        Assert.Equal("older", File.ReadAllText(path));
        Assert.Equal(["model.onnx"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void A_path_without_a_model_is_one_error_that_names_it()
    {
        string empty = Path.Combine(_folder, "empty.onnx");
        File.WriteAllText(empty, "");
        string text = Path.Combine(_folder, "text.onnx");
        File.WriteAllText(text, "this is not a model");
        Refused(empty, "empty");
        Refused(text, "not a readable ONNX file");
        string link = Path.Combine(_folder, "link.onnx");
        File.CreateSymbolicLink(link, empty);
        Refused(link, "empty");
        string circle = Path.Combine(_folder, "circle.onnx");
        File.CreateSymbolicLink(circle, circle);
        Refused(circle, "cannot be read");
        Refused(Path.Combine(_folder, "none.onnx"), "no such file");
        Refused(_folder, "is a folder");

        static void Refused(string path, string fragment)
        {
            var error = Assert.Throws<InvalidModelException>(() => OnnxModel.Load(path));
            Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
            Assert.Contains(fragment, error.Message, StringComparison.Ordinal);
        }
    }
}
