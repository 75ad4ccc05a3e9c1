using System.Text.Json;
using Ulrl.Training.Data;
using Ulrl.Training.Evaluation;
using Ulrl.Training.Records;
using Ulrl.Training.Tests.Data;

namespace Ulrl.Training.Tests.Records;

public sealed class BackdoorBenchRecordTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly string record;

    public BackdoorBenchRecordTests()
    {
        RecordFiles.Register();
        record = RecordFiles.Copy(folder.Path);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_record_says_what_it_holds()
    {
        var read = BackdoorBenchRecord.Load(record);

        Assert.Equal(("record_test", 10, "cifar10"), (read.ModelName, read.Classes, read.CleanData));
        Assert.Equal([3, 32, 32], read.ImageShape);
        Assert.Equal((40, 36, 36), (read.Test.CleanCount, read.Test.Images.Count, read.Test.PoisonedCount));
        Assert.Equal(Enumerable.Range(0, 40).Where(i => i % 10 != 0), read.Test.Images.Select(i => i.Index));
        Assert.All(read.Test.Images, i => Assert.Equal((0, i.Index % 10), (i.Label, i.TrueLabel)));
        Assert.Equal(["bd_test_dataset", "7", "17.png"], read.Test.Images.Single(i => i.Index == 17).File);
        Assert.Equal((150, 150), (read.Train!.CleanCount, read.Train.Images.Count));
        Assert.InRange(read.Train.PoisonedCount, 5, 30);
    }

    [Fact]
    public void Its_model_computes_what_PyTorch_computes()
    {
        using var expected = JsonDocument.Parse(File.ReadAllBytes(TestFiles.TestData("records", "expected.json")));
        var set = BenchmarkDataSet.FromName("cifar10");
        var samples = set.Open(RecordFiles.Data, train: false).ToSamples([.. Enumerable.Range(0, 40)], set.ImageShape, set.Normalization);
        using var evaluator = new Evaluator(BackdoorBenchRecord.Load(record).BuildModel());

        Assert.Equal(expected.RootElement.GetProperty("cleanAccuracy").GetDouble(), evaluator.EvaluateClean(samples).Accuracy);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => i % 10), samples.Labels);
    }

    [Fact]
    public void Stored_images_are_read_from_the_record_wherever_it_was_made()
    {
        var decoder = new FlatImages();
        var read = BackdoorBenchRecord.Load(record).Test.Read(Clean(), [3, 32, 32], ChannelNormalization.Cifar10, decoder);

        Assert.Equal(36, decoder.Decoded.Count);
        Assert.All(decoder.Decoded, where => Assert.Contains(Path.Combine(record, "bd_test_dataset"), where, StringComparison.Ordinal));
        Assert.All(read.Samples.Labels, label => Assert.Equal(0, label));
        Assert.Equal(Enumerable.Range(0, 40).Where(i => i % 10 != 0).Select(i => i % 10), read.TrueLabels);
        Assert.Equal(0, read.Target);
        Assert.Equal(((51 / 255f) - .4914f) / .247f, read.Samples.Values[0]);
    }

    [Fact]
    public void Samples_without_trigger_come_from_the_clean_data_set()
    {
        var read = BackdoorBenchRecord.Load(record);
        var set = BenchmarkDataSet.FromName("cifar10");

        var samples = read.Train!.Read(set.Open(RecordFiles.Data, train: true), [3, 32, 32], null, new FlatImages());

        Assert.Equal(150, samples.Samples.Count);
        Assert.Null(samples.Target);
        Assert.All(read.Train.Images.Zip(samples.Samples.Labels), pair => Assert.Equal(pair.First.IsPoisoned ? 0 : pair.First.Index % 10, pair.Second));
        Assert.All(Enumerable.Range(0, 150), i => Assert.Equal(i % 10, samples.TrueLabels[i]));
        var clean = CifarArchive.Read(RecordFiles.Data, 10, train: true);
        var untouched = read.Train.Images.First(i => !i.IsPoisoned).Index;
        Assert.Equal(clean.Sample(untouched), samples.Samples.Sample(untouched));
    }

    [Theory]
    [InlineData("bd_test_dataset/1/1.png", "bd_test_dataset/../../x", "does not lie in bd_test_dataset")]
    [InlineData("bd_test_dataset/1/1.png", "bd_test_dataset/.././xy", "does not lie in bd_test_dataset")]
    [InlineData("bd_test_dataset/1/1.png", "bd_test_dataset//etc/xy", "does not lie in bd_test_dataset")]
    [InlineData("bd_test_dataset/1/1.png", "bd_test_dataset/a/c:xyz", "does not lie in bd_test_dataset")]
    [InlineData("bd_test_dataset/1/1.png", "/etc/passwd/././././abc", "does not lie in bd_test_dataset")]
    [InlineData("X\n\0\0\0clean_data", "X\n\0\0\0clean_datb", "no usable clean_data")]
    [InlineData("X\u0007\0\0\0bd_test", "X\u0007\0\0\0bd_tesu", "no usable bd_test")]
    [InlineData("X\b\0\0\0img_size", "X\b\0\0\0img_sizf", "no usable img_size")]
    [InlineData("poison_indicator", "poison_indicatos", "no list of numbers poison_indicator")]
    [InlineData("bd_data_container", "bd_data_containes", "no bd_data_container")]
    public void What_leads_outside_or_is_incomplete_is_refused(string given, string by, string reason)
    {
        RecordFiles.Replace(record, given, by);
        Assert.Contains(reason, Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(record)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_inside_a_record_are_not_followed()
    {
        var image = Path.Combine(record, "bd_test_dataset", "1", "1.png");
        var outside = folder.Write("outside.png", File.ReadAllBytes(image));
        File.Delete(image);
        File.CreateSymbolicLink(image, outside);
        Assert.Contains("1.png' is a link", Refused(), StringComparison.Ordinal);

        var whole = Path.Combine(record, "bd_test_dataset");
        Directory.Move(whole, folder["moved"]);
        Directory.CreateSymbolicLink(whole, folder["moved"]);
        Assert.Contains("bd_test_dataset' is a link", Refused(), StringComparison.Ordinal);

        var file = Path.Combine(record, "attack_result.pt");
        File.Move(file, folder["moved.pt"]);
        File.CreateSymbolicLink(file, folder["moved.pt"]);
        Assert.Contains("attack_result.pt' is a link", Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(record)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_empty_images_are_named()
    {
        File.WriteAllBytes(Path.Combine(record, "bd_test_dataset", "1", "1.png"), []);
        Assert.Contains("1.png' is empty or no ordinary file", Refused(), StringComparison.Ordinal);
        File.Delete(Path.Combine(record, "bd_test_dataset", "1", "1.png"));
        Assert.Contains("1.png' does not exist", Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_needs_the_data_set_it_was_made_with_and_a_decoder()
    {
        var test = BackdoorBenchRecord.Load(record).Test;
        var train = BenchmarkDataSet.FromName("cifar10").Open(RecordFiles.Data, train: true);
        Assert.Contains("made from 40 images", Assert.Throws<RecordException>(() => test.Read(train, [3, 32, 32], null)).Message, StringComparison.Ordinal);
        Assert.Contains("need a decoder", Assert.Throws<DataSetException>(() => test.Read(Clean(), [3, 32, 32], null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_record_is_refused()
    {
        Assert.Contains("is no folder", Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(folder["none"])).Message, StringComparison.Ordinal);
        Assert.Contains("attack_result.pt' does not exist", Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.Copy(TestFiles.TestData("checkpoints", "state_dict.pt"), folder["attack_result.pt"]);
        Assert.Contains("no record of BackdoorBench", Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static LabeledImages Clean() => BenchmarkDataSet.FromName("cifar10").Open(RecordFiles.Data, train: false);

    private string Refused() =>
        Assert.Throws<RecordException>(() => BackdoorBenchRecord.Load(record).Test.Read(Clean(), [3, 32, 32], null, new FlatImages())).Message;

    /// <summary>Takes every file for an image of one grey.</summary>
    private sealed class FlatImages : IImageDecoder
    {
        public List<string> Decoded { get; } = [];

        public ImagePixels Decode(ReadOnlyMemory<byte> content, string where)
        {
            Decoded.Add(where);
            Assert.Equal(0x89, content.Span[0]);
            var values = new byte[32 * 32 * 3];
            Array.Fill(values, (byte)51);
            return new ImagePixels(32, 32, 3, values);
        }
    }
}
