using System.IO.Compression;
using Ulrl.Training.Checkpoints;
using Ulrl.Training.Checkpoints.Architectures;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Onnx;

namespace Ulrl.Cli.Tests;

public sealed class ConvertCommandTests : IDisposable
{
    private const string Arch = "convert_test";

    private readonly ScratchFolder folder = new();

    public ConvertCommandTests() => Architecture.Register(
        Arch,
        (net, x, classes) => net.Linear(net.Flatten(net.GlobalAveragePool(net.Relu(net.BatchNorm(net.Conv(x, "conv", 4, 3), "bn")))), "linear", classes),
        [3, 8, 8]);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_checkpoint_becomes_a_model_that_computes_the_same()
    {
        var stateDict = StateDict(5);
        TorchCheckpoint.Save(folder["given.pt"], stateDict);

        var run = Tool.Run("convert", folder["given.pt"], "--arch", Arch, "--classes", "5", "--out", folder["model.onnx"]);

        Assert.Equal("", run.Error);
        Assert.Equal(ExitCode.Success, run.Code);
        Assert.Contains("convert_test with 5 classes", run.Output, StringComparison.Ordinal);
        var samples = new LabeledSamples([.. Enumerable.Range(0, 2 * 3 * 64).Select(i => MathF.Sin(i))], [3, 8, 8], [0, 4]);
        var expected = Architecture.Create(Arch, 5).Build(stateDict.ToDictionary(t => t.Key, t => (t.Value.Shape.ToArray(), t.Value.ToSingles())));
        Assert.Equal(CrossEntropy(expected, samples), CrossEntropy(OnnxModel.Load(folder["model.onnx"]), samples));
    }

    [Fact]
    public void A_BackdoorBench_checkpoint_names_architecture_and_classes_itself()
    {
        TorchCheckpoint.Save(folder["given.pt"], StateDict(7), Arch, 7);

        var run = Tool.Run("convert", folder["given.pt"], "--out", folder["model.onnx"], "--json");

        Assert.Equal("", run.Error);
        Assert.Equal(Arch, run.Json.GetProperty("architecture").GetString());
        Assert.Equal(7, run.Json.GetProperty("classes").GetInt32());
        Assert.Equal(ExitCode.Success, Tool.Run("inspect", folder["model.onnx"]).Code);
    }

    [Fact]
    public void What_the_checkpoint_does_not_say_has_to_be_given()
    {
        TorchCheckpoint.Save(folder["given.pt"], StateDict(5));

        var run = Tool.Run("convert", folder["given.pt"], "--classes", "5", "--out", folder["model.onnx"]);
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("give --arch with one of", run.ErrorLine, StringComparison.Ordinal);

        run = Tool.Run("convert", folder["given.pt"], "--arch", Arch, "--out", folder["model.onnx"]);
        Assert.Equal(ExitCode.Usage, run.Code);
        Assert.Contains("give --classes", run.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_of_another_architecture_are_refused_and_nothing_is_written()
    {
        TorchCheckpoint.Save(folder["given.pt"], StateDict(5));

        var run = Tool.Run("convert", folder["given.pt"], "--arch", "resnet18", "--classes", "5", "--out", folder["model.onnx"]);

        Assert.Equal(ExitCode.Model, run.Code);
        Assert.Contains("the weights are not those of resnet18", run.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(["given.pt"], folder.Files);
    }

    [Fact]
    public void A_file_that_is_no_checkpoint_is_refused()
    {
        var run = Tool.Run("convert", Tool.Example("test1000.npz"), "--arch", Arch, "--classes", "5", "--out", folder["model.onnx"]);
        Assert.Equal(ExitCode.Model, run.Code);
        Assert.Contains("test1000.npz", run.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Model, Tool.Run("convert", folder["none.pt"], "--arch", Arch, "--classes", "5", "--out", folder["model.onnx"]).Code);
    }

    [Fact]
    public void A_checkpoint_that_would_run_code_is_refused_by_the_name_of_it()
    {
        using (var archive = ZipFile.Open(folder["given.pt"], ZipArchiveMode.Create))
        {
            using var stream = archive.CreateEntry("a/data.pkl").Open();
            stream.Write("\u0080\u0002cos\nsystem\nX\u0008\0\0\0touch /x\u0085R."u8.ToArray().Where(b => b != 0xC2).ToArray());
        }

        var run = Tool.Run("convert", folder["given.pt"], "--arch", Arch, "--classes", "5", "--out", folder["model.onnx"]);

        Assert.Equal(ExitCode.Model, run.Code);
        Assert.Contains("`os.system`, which is refused", run.ErrorLine, StringComparison.Ordinal);
        Assert.Equal(["given.pt"], folder.Files);
    }

    private static List<KeyValuePair<string, CheckpointTensor>> StateDict(int classes) =>
        [.. Architecture.Create(Arch, classes).Parameters.Select((p, n) =>
        {
            var values = Enumerable.Range(0, (int)p.Shape.Aggregate(1L, (a, b) => a * b)).Select(i => 1f + MathF.Sin(i + n)).ToArray();
            return KeyValuePair.Create(p.Name, new CheckpointTensor(values, [.. p.Shape]));
        })];

    private static double CrossEntropy(OnnxModel model, LabeledSamples samples)
    {
        using var evaluator = new Evaluator(model);
        return evaluator.EvaluateClean(samples).MeanCrossEntropy;
    }
}
