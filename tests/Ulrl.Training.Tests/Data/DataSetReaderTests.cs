using System.IO.Compression;
using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

public sealed class DataSetReaderTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly NpyArray pixels;
    private readonly int[] labels;

    public DataSetReaderTests()
    {
        using var file = NpzFile.Open(TestFiles.TestData("data", "cifar10-clean8.npz"));
        pixels = file.Read("x");
        labels = Array.ConvertAll(file.Read("y").ToInt64s(), label => (int)label);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Pixels_of_an_npz_file_become_channels_first_floats_in_0_to_1()
    {
        var samples = DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz"));
        var bytes = (byte[])pixels.Values;

        Assert.Equal([3, 32, 32], samples.SampleShape);
        Assert.Equal(8, samples.Count);
        Assert.Equal(labels, samples.Labels);
        Assert.Null(samples.Target);
        for (var i = 0; i < bytes.Length; i++)
        {
            var (n, y, x, c) = (i / 3072, i / 96 % 32, i / 3 % 32, i % 3);
            Assert.Equal(bytes[i] / 255f, samples.Values[(n * 3072) + (c * 1024) + (y * 32) + x]);
        }
    }

    [Fact]
    public void A_file_is_read_through_a_link()
    {
        File.CreateSymbolicLink(folder["link.npz"], Path.GetFullPath(TestFiles.TestData("data", "cifar10-clean8.npz")));

        Assert.Equal(DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz")).Values, DataSetReader.Read(folder["link.npz"]).Values);
    }

    [Fact]
    public void A_triggered_set_knows_its_target() =>
        Assert.Equal(0, DataSetReader.Read(TestFiles.TestData("data", "cifar10-triggered3.npz")).Target);

    [Fact]
    public void The_bundled_example_holds_every_class()
    {
        var clean = DataSetReader.Read(TestFiles.TestData("cifar10-badnet", "clean500.npz"));

        Assert.Equal(500, clean.Count);
        Assert.Equal(Enumerable.Range(0, 10), clean.ClassesPresent());
        clean.CheckLabels(10);

        // CIFAR-10's training mean, which a sample of 500 comes close to.
        for (var c = 0; c < 3; c++)
        {
            var mean = clean.Normalize(ChannelNormalization.Cifar10).Values.Where((_, i) => i / 1024 % 3 == c).Average();
            Assert.InRange(mean, -.1f, .1f);
        }
    }

    [Theory]
    [InlineData(typeof(float))]
    [InlineData(typeof(double))]
    [InlineData(typeof(Half))]
    public void Floats_of_an_npz_file_are_taken_as_they_are(Type type)
    {
        Array values = type == typeof(float) ? new[] { -1.5f, 2f, 3f, 4f }
            : type == typeof(double) ? new[] { -1.5, 2, 3, 4 }
            : new[] { (Half)(-1.5), (Half)2, (Half)3, (Half)4 };
        Write("a.npz", new NpyArray(values, 2, 1, 1, 2), new NpyArray(new byte[] { 3, 4 }, 2, 1));
        var samples = DataSetReader.Read(folder["a.npz"]);

        Assert.Equal([1, 1, 2], samples.SampleShape);
        Assert.Equal([-1.5f, 2, 3, 4], samples.Values);
        Assert.Equal([3, 4], samples.Labels);
    }

    [Fact]
    public void Grey_pixels_have_one_channel_and_flat_ones_none()
    {
        Write("grey.npz", new NpyArray(new byte[] { 0, 51, 255, 0 }, 2, 1, 2), new NpyArray(new[] { 0, 1 }, 2));
        Write("flat.npz", new NpyArray(new byte[] { 0, 51, 255, 0 }, 2, 2), new NpyArray(new[] { 0, 1 }, 2));

        Assert.Equal([1, 1, 2], DataSetReader.Read(folder["grey.npz"]).SampleShape);
        Assert.Equal([2], DataSetReader.Read(folder["flat.npz"]).SampleShape);
        Assert.Equal([0f, .2f, 1f, 0f], DataSetReader.Read(folder["grey.npz"]).Values);
    }

    [Fact]
    public void Npz_arrays_that_are_no_labelled_samples_are_refused()
    {
        var x = new NpyArray(new float[4], 2, 2);
        var y = new NpyArray(new[] { 0, 1 }, 2);
        Refused("no array 'y'", [new("x", x)]);
        Refused("no array 'x'", [new("y", y)]);
        Refused("2 samples and 'y' 3 labels", [new("x", x), new("y", new NpyArray(new int[3], 3))]);
        Refused("labels are integers", [new("x", x), new("y", new NpyArray(new float[2], 2))]);
        Refused("one integer per sample", [new("x", x), new("y", new NpyArray(new int[4], 2, 2))]);
        Refused("sample 1 has label -1", [new("x", x), new("y", new NpyArray(new long[] { 0, -1 }, 2))]);
        Refused("sample 0 has label 4294967296", [new("x", x), new("y", new NpyArray(new long[] { 1L << 32, 0 }, 2))]);
        Refused("sample 1 holds NaN", [new("x", new NpyArray(new[] { 0, 0, 0, float.NaN }, 2, 2)), new("y", y)]);
        Refused("sample 0 holds an infinite", [new("x", new NpyArray(new[] { 1e300, 0, 0, 0 }, 2, 2)), new("y", y)]);
        Refused("Int32 values", [new("x", new NpyArray(new int[4], 2, 2)), new("y", y)]);
        Refused("shape [2]", [new("x", new NpyArray(new float[2], 2)), new("y", y)]);
        Refused("no samples", [new("x", new NpyArray(Array.Empty<byte>(), 0, 32, 32, 3)), new("y", new NpyArray(Array.Empty<int>(), 0))]);
        Refused("no samples", [new("x", new NpyArray(Array.Empty<float>(), 2, 0)), new("y", y)]);
        Refused("looks like channels first", [new("x", new NpyArray(new byte[2 * 3 * 8 * 8], 2, 3, 8, 8)), new("y", y)]);
        Refused("5 dimensions", [new("x", new NpyArray(new byte[2], 2, 1, 1, 1, 1)), new("y", y)]);
        Refused("target is -1", [new("x", x), new("y", y), new("target", new NpyArray(new[] { -1 }))]);
        Refused("array 'target' has type Single", [new("x", x), new("y", y), new("target", new NpyArray(new[] { 1f }))]);
    }

    [Fact]
    public void Cifar10_binary_files_are_read_and_joined()
    {
        folder.Write("data_batch_1.bin", Cifar([0, 1, 2, 3, 4], coarse: false));
        folder.Write("data_batch_2.bin", Cifar([5, 6, 7], coarse: false));
        var samples = DataSetReader.Read($"{folder["data_batch_1.bin"]};{folder["data_batch_2.bin"]}");
        var expected = DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz"));

        Assert.Equal(expected.Values, samples.Values);
        Assert.Equal(expected.Labels, samples.Labels);
        Assert.Equal([3, 32, 32], samples.SampleShape);
    }

    [Fact]
    public void Cifar100_binary_files_give_the_fine_label()
    {
        folder.Write("train.bin", Cifar([2, 3], coarse: true));
        var samples = DataSetReader.Read(folder["train.bin"]);

        Assert.Equal([labels[2] + 90, labels[3] + 90], samples.Labels);
        Assert.Equal(DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz")).Subset([2, 3]).Values, samples.Values);
    }

    [Fact]
    public void Damaged_cifar_binary_files_are_refused()
    {
        var bytes = Cifar([0, 1], coarse: false);
        folder.Write("short.bin", bytes[..^1]);
        bytes[3073] = 10;
        folder.Write("label.bin", bytes);
        folder.Write("empty.bin", []);

        Assert.Contains("no known format", Refused("short.bin"), StringComparison.Ordinal);
        Assert.Contains("not a whole number", Refused("short.bin", DataSetFormat.Cifar10), StringComparison.Ordinal);
        Assert.Contains("sample 1 has label 10", Refused("label.bin"), StringComparison.Ordinal);
        Assert.Contains("no samples", Refused("empty.bin", DataSetFormat.Cifar100), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    [InlineData("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")]
    [InlineData("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte")]
    [InlineData("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte")]
    [InlineData("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz")]
    public void Idx_images_find_their_labels(string images, string labelFile)
    {
        folder.Write(images, Idx(images, [8, 32, 32], Green()));
        folder.Write(labelFile, Idx(labelFile, [8], Array.ConvertAll(labels, label => (byte)label)));
        var samples = DataSetReader.Read(folder[images]);

        Assert.Equal([1, 32, 32], samples.SampleShape);
        Assert.Equal(labels, samples.Labels);
        Assert.Equal(Array.ConvertAll(Green(), value => value / 255f), samples.Values);
    }

    [Fact]
    public void Idx_labels_may_be_named()
    {
        folder.Write("a", Idx("a", [8, 1024], Green()));
        folder.Write("b", Idx("b", [8], Array.ConvertAll(labels, label => (byte)label)));

        Assert.Equal(labels, DataSetReader.Read($"{folder["a"]};{folder["b"]}").Labels);
        Assert.Equal(labels, DataSetReader.Read(folder["a"], new DataSetReadOptions { LabelsPath = folder["b"] }).Labels);
        Assert.Equal([1024], DataSetReader.Read($"{folder["a"]};{folder["b"]}").SampleShape);
        Assert.Contains("no label file", Refused("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_idx_files_are_refused()
    {
        folder.Write("l", Idx("l", [2], [0, 1]));
        void Check(string message, byte[] images)
        {
            folder.Write("i", images);
            var error = Assert.Throws<DataSetException>(() => DataSetReader.Read($"{folder["i"]};{folder["l"]}"));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }

        Check("truncated", Idx("i", [2, 2, 2], new byte[7]));
        Check("truncated", Idx("i", [2, 2, 2], new byte[9]));
        Check("3 images and", Idx("i", [3, 1, 1], new byte[3]));
        Check("more than one array can hold", Idx("i", [65536, 65536, 65536], new byte[8]));
        Check("more than one array can hold", Idx("i.gz", [-1, 1, 1], new byte[8]));
        Check("more than the file's", Idx("i.gz", [2_000_000_000, 1, 1], new byte[8]));
        Check("end early", Idx("i.gz", [2, 2, 2], new byte[7]));
        Check("more data follow", Idx("i.gz", [2, 2, 2], new byte[9]));
        Check("end early", [0, 0, 8, 3, 0, 0]);
        Check("1 dimensions", Idx("i", [2], new byte[2]));
        Check("4 dimensions", Idx("i", [2, 1, 1, 1], new byte[2]));
        var floats = Idx("i", [2, 1, 1], new byte[2]);
        floats[2] = 0x0D;
        Check("type 0x0D", floats);
    }

    [Fact]
    public void Gzip_damage_is_found()
    {
        folder.Write("labels", Idx("labels", [8], new byte[8]));
        var bytes = Idx("images.gz", [8, 32, 32], Green());
        bytes[bytes.Length / 2] ^= 0x55;
        folder.Write("images", bytes);

        Assert.Contains("images", Refused("images"), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_unknown_files_are_named()
    {
        folder.Write("notes.txt", "hello"u8.ToArray());

        Assert.Contains("does not exist", Refused("nothing.npz"), StringComparison.Ordinal);
        Assert.Contains("no known format", Refused("notes.txt"), StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<DataSetException>(() => DataSetReader.Read(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("empty", Assert.Throws<DataSetException>(() => DataSetReader.Read(" ; ")).Message, StringComparison.Ordinal);
        Assert.Contains("name one file", Assert.Throws<DataSetException>(() => DataSetReader.Read($"{TestFiles.TestData("data", "cifar10-clean8.npz")};b;c")).Message, StringComparison.Ordinal);
        Assert.Contains("leave it out", Assert.Throws<DataSetException>(() => DataSetReader.Read(TestFiles.TestData("data", "cifar10-clean8.npz"), new DataSetReadOptions { LabelsPath = "y" })).Message, StringComparison.Ordinal);
    }

    private static byte[] Idx(string name, int[] shape, byte[] values)
    {
        var plain = new List<byte> { 0, 0, 8, (byte)shape.Length };
        foreach (var dimension in shape)
            plain.AddRange([(byte)(dimension >> 24), (byte)(dimension >> 16), (byte)(dimension >> 8), (byte)dimension]);
        plain.AddRange(values);
        if (!name.EndsWith(".gz", StringComparison.Ordinal))
            return [.. plain];
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
            gzip.Write([.. plain]);
        return memory.ToArray();
    }

    private void Write(string name, NpyArray x, NpyArray y) => NpzFile.Write(folder[name], [new("x", x), new("y", y)]);

    private void Refused(string message, KeyValuePair<string, NpyArray>[] arrays)
    {
        NpzFile.Write(folder["refused.npz"], arrays);
        Assert.Contains(message, Refused("refused.npz"), StringComparison.Ordinal);
    }

    private string Refused(string name, DataSetFormat format = DataSetFormat.Auto) =>
        Assert.Throws<DataSetException>(() => DataSetReader.Read(folder[name], new DataSetReadOptions { Format = format })).Message;

    private byte[] Green() => [.. ((byte[])pixels.Values).Where((_, i) => i % 3 == 1)];

    private byte[] Cifar(int[] which, bool coarse)
    {
        var bytes = (byte[])pixels.Values;
        var file = new List<byte>();
        foreach (var n in which)
        {
            file.AddRange(coarse ? [19, (byte)(labels[n] + 90)] : [(byte)labels[n]]);
            for (var c = 0; c < 3; c++)
            {
                for (var i = 0; i < 1024; i++)
                    file.Add(bytes[(n * 3072) + (i * 3) + c]);
            }
        }

        return [.. file];
    }
}
