using System.IO.Compression;
using Ulrl.Training.Data;

namespace Ulrl.Training.Tests.Data;

/// <summary>The published forms of CIFAR, written by Python (tests/peers/make_checkpoints.py) with few samples.</summary>
public sealed class CifarArchiveTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("test_batch", new[] { 3, 9 })]
    [InlineData("cifar100_protocol2", new[] { 99, 0 })]
    [InlineData("cifar100_protocol4", new[] { 99, 0 })]
    [InlineData("cifar100_protocol5", new[] { 99, 0 })]
    public void Pickled_batches_of_Python_2_and_3_are_read(string file, int[] labels)
    {
        var samples = DataSetReader.Read(File(file));

        Assert.Equal(labels, samples.Labels);
        Assert.Equal([3, 32, 32], samples.SampleShape);
        Assert.Equal(Pixels(), samples.Values);
    }

    [Fact]
    public void Several_pickled_batches_are_one_set() =>
        Assert.Equal([3, 9, 99, 0], DataSetReader.Read($"{File("test_batch")};{File("cifar100_protocol4")}").Labels);

    [Fact]
    public void An_archive_where_one_file_is_expected_is_refused_with_what_to_do() =>
        Assert.Contains("unpack it", Assert.Throws<DataSetException>(() => DataSetReader.Read(File("cifar-10-python.tar.gz"))).Message, StringComparison.Ordinal);

    [Fact]
    public void The_archive_of_the_Python_version_is_read()
    {
        var train = CifarArchive.Read(File("cifar-10-python.tar.gz"), 10, train: true);
        var test = CifarArchive.Read(File("cifar-10-python.tar.gz"), 10, train: false);

        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], train.Labels);
        Assert.Equal([3, 9], test.Labels);
        Assert.Equal(Pixels(), test.Values);
        Assert.Equal(Pixels(), train.Values[^(2 * 3072)..]);
        Assert.Contains("cifar-10-python.tar.gz", test.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Unpacked_folders_are_read_by_themselves_or_in_their_parent()
    {
        var batches = Directory.CreateDirectory(folder["cifar-10-batches-py"]).FullName;
        foreach (var name in new[] { "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch" })
            System.IO.File.Copy(File("test_batch"), Path.Combine(batches, name));
        var hundred = Directory.CreateDirectory(folder["cifar-100-binary"]).FullName;
        System.IO.File.WriteAllBytes(Path.Combine(hundred, "test.bin"), [19, 99, .. new byte[3072]]);

        Assert.Equal([3, 9, 3, 9, 3, 9, 3, 9, 3, 9], CifarArchive.Read(batches, 10, train: true).Labels);
        Assert.Equal([3, 9], CifarArchive.Read(folder.Path, 10, train: false).Labels);
        Assert.Equal([99], CifarArchive.Read(folder.Path, 100, train: false).Labels);
        Assert.Contains("holds no CIFAR-100", Assert.Throws<DataSetException>(() => CifarArchive.Read(folder.Path, 100, train: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_lies_in_a_folder_under_its_published_name()
    {
        System.IO.File.Copy(File("cifar-10-python.tar.gz"), folder["cifar-10-python.tar.gz"]);
        Assert.Equal([3, 9], CifarArchive.Read(folder.Path, 10, train: false).Labels);
    }

    [Fact]
    public void An_archive_of_the_binary_version_is_read()
    {
        byte[] record = [7, .. Enumerable.Repeat((byte)255, 3072)];
        folder.Write("a.tar.gz", Tar(("cifar-10-batches-bin/readme.html", [1, 2, 3]), ("cifar-10-batches-bin/test_batch.bin", [.. record, .. record])));
        var samples = CifarArchive.Read(folder["a.tar.gz"], 10, train: false);

        Assert.Equal([7, 7], samples.Labels);
        Assert.All(samples.Values, value => Assert.Equal(1f, value));
    }

    [Fact]
    public void Archives_that_are_not_whole_or_hold_something_twice_are_refused()
    {
        byte[] record = [7, .. new byte[3072]];
        Refused(Tar(("cifar-10-batches-bin/data_batch_1.bin", record)), "1 of its training files are there", train: true);
        Refused(Tar(("cifar-10-batches-bin/test_batch.bin", record), ("cifar-10-batches-bin/test_batch.bin", record)), "twice");
        Refused(Tar(("cifar-10-batches-bin/test_batch.bin", record[..^1])), "not a whole number");
        Refused(Tar(("../cifar-10-batches-bin/test_batch.bin", record)), "0 of its test files");
        Refused(Tar(("cifar-10-batches-py/test_batch", "cos\nsystem\n(S'touch ran'\ntR."u8.ToArray())), "`os.system`");
        Refused([0x1F, 0x8B, 1, 2], "cannot be read");
        Refused(Gzip(new byte[] { 1 }), "no tar archive");
    }

    [Fact]
    public void An_archive_that_claims_or_expands_to_too_much_is_refused_without_taking_the_memory()
    {
        byte[] huge = Header("cifar-10-batches-bin/test_batch.bin", 3073L * 1_000_000);
        foreach (var bytes in new[] { Gzip(huge), Gzip([.. Header("other", 100_000_000), .. new byte[100_000_000]]) })
        {
            folder.Write("a.tar.gz", bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<DataSetException>(() => CifarArchive.Read(folder["a.tar.gz"], 10, train: false));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Theory]
    [InlineData("N.", "no dictionary")]
    [InlineData("}.", "no uint8 'data'")]
    [InlineData("cos\nsystem\n.", "`os.system`")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n.", "`torch._utils._rebuild_tensor_v2`")]
    [InlineData("NQ.", "refers to objects outside")]
    public void Pickles_that_are_no_batch_are_refused(string pickle, string reason)
    {
        folder.Write("data_batch_1", [0x80, 2, .. System.Text.Encoding.Latin1.GetBytes(pickle)]);
        Assert.Contains(reason, Assert.Throws<DataSetException>(() => DataSetReader.Read(folder["data_batch_1"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_with_labels_that_do_not_fit_is_refused()
    {
        var whole = System.IO.File.ReadAllBytes(File("test_batch"));
        var labels = whole.AsSpan().IndexOf("labels](K"u8) + 9;
        var changed = whole.ToArray();
        changed[labels] = 10;
        folder.Write("a", changed);
        Assert.Contains("sample 0 is not 0 to 9", Assert.Throws<DataSetException>(() => DataSetReader.Read(folder["a"])).Message, StringComparison.Ordinal);
        folder.Write("a", [.. whole.AsSpan(0, labels + 1), .. whole.AsSpan(labels + 3)]);
        Assert.Contains("2 images have 1 labels", Assert.Throws<DataSetException>(() => DataSetReader.Read(folder["a"])).Message, StringComparison.Ordinal);
    }

    private static string File(string name) => TestFiles.TestData("checkpoints", name);

    private static float[] Pixels()
    {
        using var file = NpzFile.Open(File("cifar.npz"));
        return Array.ConvertAll((byte[])file.Read("data").Values, value => value / 255f);
    }

    private static byte[] Gzip(byte[] content)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            gzip.Write(content);
        return memory.ToArray();
    }

    private static byte[] Header(string name, long size)
    {
        var header = new byte[512];
        System.Text.Encoding.ASCII.GetBytes(name, header);
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0'), header.AsSpan(124));
        "ustar"u8.CopyTo(header.AsSpan(257));
        header.AsSpan(148, 8).Fill((byte)' ');
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(value => value), 8).PadLeft(6, '0'), header.AsSpan(148));
        header[154] = 0;
        return header;
    }

    private static byte[] Tar(params (string Name, byte[] Content)[] files)
    {
        var bytes = new List<byte>();
        foreach (var (name, content) in files)
        {
            bytes.AddRange(Header(name, content.Length));
            bytes.AddRange(content);
            bytes.AddRange(new byte[(512 - (content.Length % 512)) % 512]);
        }

        bytes.AddRange(new byte[1024]);
        return Gzip([.. bytes]);
    }

    private void Refused(byte[] archive, string reason, bool train = false)
    {
        folder.Write("a.tar.gz", archive);
        Assert.Contains(reason, Assert.Throws<DataSetException>(() => CifarArchive.Read(folder["a.tar.gz"], 10, train)).Message, StringComparison.Ordinal);
    }
}
