using System.Numerics;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Data;
using Ulrl.Training.Onnx;

namespace Ulrl.Training.Tests.Checkpoints;

/// <summary>Files written by PyTorch, NumPy and CPython (tests/peers/make_checkpoints.py) are read with the values they hold.</summary>
public class TorchCheckpointTests
{
    [Theory]
    [InlineData("state_dict", CheckpointFormat.TorchZip)]
    [InlineData("state_dict_legacy", CheckpointFormat.TorchLegacy)]
    [InlineData("parallel", CheckpointFormat.TorchZip)]
    [InlineData("zip64", CheckpointFormat.TorchZip)]
    [InlineData("parameters", CheckpointFormat.TorchZip)]
    [InlineData("types", CheckpointFormat.TorchZip)]
    [InlineData("types_legacy", CheckpointFormat.TorchLegacy)]
    [InlineData("views", CheckpointFormat.TorchZip)]
    [InlineData("views_legacy", CheckpointFormat.TorchLegacy)]
    [InlineData("protocol4", CheckpointFormat.TorchZip)]
    [InlineData("record_protocol2", CheckpointFormat.TorchZip)]
    [InlineData("record_protocol3", CheckpointFormat.TorchZip)]
    [InlineData("record_protocol4", CheckpointFormat.TorchZip)]
    [InlineData("record_protocol5", CheckpointFormat.TorchZip)]
    public void Tensors_have_the_names_shapes_and_values_that_PyTorch_saved(string name, CheckpointFormat format)
    {
        var checkpoint = TorchCheckpoint.Load(CheckpointFiles.Real(name + ".pt"));
        using var expected = NpzFile.Open(CheckpointFiles.Real(name + ".npz"));

        Assert.Equal(format, checkpoint.Format);
        Assert.Equal(expected.Names, checkpoint.Tensors.Keys);
        var stateDict = checkpoint.ToStateDict();
        foreach (var (key, tensor) in checkpoint.Tensors)
        {
            var array = expected.Read(key);
            Assert.Equal(Array.ConvertAll(array.Shape, size => (long)size), tensor.Shape);
            Assert.Equal(array.Values.Length, tensor.ElementCount);
            Assert.Equal(array.ToSingles(), tensor.ToSingles());
            Assert.Equal(tensor.Shape, stateDict[key].Shape);
            Assert.Equal(array.ToSingles(), stateDict[key].Values);
            if (array.IsInteger)
                Assert.Equal(array.ToInt64s(), tensor.ToInt64s());
            else
                Assert.Throws<CheckpointException>(() => tensor.ToInt64s());
        }
    }

    [Theory]
    [InlineData("types.pt")]
    [InlineData("types_legacy.pt")]
    public void Element_types_are_those_saved(string file)
    {
        var tensors = TorchCheckpoint.Load(CheckpointFiles.Real(file)).Tensors;
        var types = new Dictionary<string, OnnxElementType>
        {
            ["f32"] = OnnxElementType.Float,
            ["f64"] = OnnxElementType.Double,
            ["f16"] = OnnxElementType.Float16,
            ["bf16"] = OnnxElementType.BFloat16,
            ["i64"] = OnnxElementType.Int64,
            ["i32"] = OnnxElementType.Int32,
            ["i16"] = OnnxElementType.Int16,
            ["i8"] = OnnxElementType.Int8,
            ["u8"] = OnnxElementType.UInt8,
            ["bool"] = OnnxElementType.Bool,
            ["scalar"] = OnnxElementType.Float,
            ["empty"] = OnnxElementType.Float,
        };

        Assert.Equal(types, tensors.ToDictionary(item => item.Key, item => item.Value.ElementType));
        Assert.Equal("Float[0, 4]", tensors["empty"].ToString());
    }

    [Fact]
    public void Values_beside_the_state_dict_are_kept()
    {
        var parallel = TorchCheckpoint.Load(CheckpointFiles.Real("parallel.pt"));
        Assert.Equal(3L, parallel.Values["epoch"]);
        Assert.Equal(0.5, parallel.Values["best_acc"]);
        Assert.Null(parallel.ModelName);
        Assert.Null(parallel.ClassCount);

        Assert.Empty(TorchCheckpoint.Load(CheckpointFiles.Real("state_dict.pt")).Values);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_record_of_BackdoorBench_keeps_its_plain_values(int protocol)
    {
        var record = TorchCheckpoint.Load(CheckpointFiles.Real($"record_protocol{protocol}.pt"));

        Assert.Equal("preactresnet18", record.ModelName);
        Assert.Equal(10, record.ClassCount);
        Assert.Equal("cifar10", record.Values["clean_data"]);
        Assert.Null(record.Values["bd_train"]);
        Assert.Equal("cuda:1", record.Values["device"]);
        Assert.Equal("torch.float16", record.Values["dtype"]);
        Assert.Equal([2L, 3L], (IReadOnlyList<object?>)record.Values["size"]!);
        CheckValues(key => record.Values[key]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_pickle_protocol_gives_the_same_values(int protocol)
    {
        var values = (IReadOnlyDictionary<object, object?>)CheckpointFiles.Unpickle(File.ReadAllBytes(CheckpointFiles.Real($"values_protocol{protocol}.pkl")))!;
        CheckValues(key => values[key]);
    }

    [Fact]
    public void Safetensors_are_read()
    {
        var checkpoint = TorchCheckpoint.Load(CheckpointFiles.Real("small.safetensors"));

        Assert.Equal(CheckpointFormat.SafeTensors, checkpoint.Format);
        Assert.Equal(["fc.weight", "fc.bias", "bf", "steps"], checkpoint.Tensors.Keys);
        Assert.Equal([2L, 3L], checkpoint.Tensors["fc.weight"].Shape);
        Assert.Equal([0f, 1, 2, 3, 4, 5], checkpoint.Tensors["fc.weight"].ToSingles());
        Assert.Equal([0.5f, -2], checkpoint.Tensors["fc.bias"].ToSingles());
        Assert.Equal([1.5f, -3], checkpoint.Tensors["bf"].ToSingles());
        Assert.Equal([7L], checkpoint.Tensors["steps"].ToInt64s());
        Assert.Equal("pt", ((IReadOnlyDictionary<object, object?>)checkpoint.Values["__metadata__"]!)["format"]);
    }

    [Fact]
    public void A_pickled_module_and_a_TorchScript_archive_are_refused_with_what_to_do()
    {
        var module = CheckpointFiles.Refused(CheckpointFiles.Real("module.pt"));
        Assert.Contains("`torch.nn.modules.container.Sequential`", module, StringComparison.Ordinal);
        Assert.Contains("state_dict()", module, StringComparison.Ordinal);
        Assert.Contains("TorchScript archive, which holds a network and not a state dict alone; read it as one (TorchScriptArchive, ulrl convert)", CheckpointFiles.Refused(CheckpointFiles.Real("script.pt")), StringComparison.Ordinal);
    }

    private static void CheckValues(Func<string, object?> item)
    {
        Assert.Equal([32L, 32L, 3L], (IReadOnlyList<object?>)item("img_size")!);
        var test = (IReadOnlyDictionary<object, object?>)item("bd_test")!;
        Assert.Equal([3L, 5L], ((NpyArray)test["original_index_array"]!).ToInt64s());
        var container = (IReadOnlyDictionary<object, object?>)test["bd_data_container"]!;
        var samples = (IReadOnlyDictionary<object, object?>)container["data_dict"]!;
        Assert.Equal([3L, 5L], samples.Keys);
        var sample = (IReadOnlyDictionary<object, object?>)samples[5L]!;
        Assert.Equal("./record/badnet_0_1/bd_test_dataset/0/5.png", sample["path"]);
        Assert.Equal([2L, 0L, true], (IReadOnlyList<object?>)sample["other_info"]!);
        Assert.Equal([1L, 0L, 1L], (IReadOnlyList<object?>)((IReadOnlyDictionary<object, object?>)samples[3L]!)["other_info"]!);

        var values = (IReadOnlyDictionary<object, object?>)item("values")!;
        Assert.Equal([0.1, -1e300, double.PositiveInfinity], (IReadOnlyList<object?>)values["floats"]!);
        Assert.Equal(BigInteger.One << 70, values["long"]);
        Assert.Equal(-(1L << 40), values["negative"]);
        Assert.Equal(new byte[] { 0, 255 }, values["bytes"]);
        Assert.Equal([1L, 2L], ((IReadOnlySet<object>)values["set"]!).Order());
        Assert.Equal(["a"], (IReadOnlySet<object>)values["frozen"]!);
        Assert.Equal([new object?[] { 1L }, Array.Empty<object?>()], (IReadOnlyList<object?>)values["tuple"]!);
        Assert.Null(values["none"]);
        Assert.Equal("\u4e2d\ud83d\udc0d\\u", values["text"]);
        Assert.Equal("tuple key", values[new object?[] { 1L, "a" }]);
        Assert.Equal("bytes key", values["k"u8.ToArray()]);
        Assert.Equal("float key", values[1.5]);

        var arrays = (IReadOnlyDictionary<object, object?>)item("arrays")!;
        Assert.Equal([2, 3], ((NpyArray)arrays["f4"]!).Shape);
        Assert.Equal([0f, 1, 2, 3, 4, 5], ((NpyArray)arrays["f4"]!).ToSingles());
        Assert.Equal([0L, 1, 2], ((NpyArray)arrays["big"]!).ToInt64s());
        Assert.Equal([0L, 1, 2, 3, 4, 5], ((NpyArray)arrays["fortran"]!).ToInt64s());
        Assert.Equal([1L, 0L], ((NpyArray)arrays["bool"]!).ToInt64s());
        Assert.Equal([0.5, 200L, true, BigInteger.One << 63], (IReadOnlyList<object?>)arrays["scalars"]!);
    }
}
